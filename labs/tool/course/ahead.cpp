// ahead.cpp: finds the headers, copies and compiles them.
#include "ahead.hpp"

#include "compiling.hpp"
#include "contract.hpp"
#include "halves.hpp"
#include "process.hpp"

#include <algorithm>
#include <filesystem>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <system_error>

namespace lab {
namespace {

namespace fs = std::filesystem;

// Headers by their names ("lsmith/wal.hpp"), with their texts.
using Headers = std::map<std::string, std::string>;

Headers read_headers() {
  Headers headers;
  const std::string folder = project_root() + "/include/";
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error))
    if (entry.path().extension() == ".hpp")
      headers[entry.path().string().substr(folder.size())] =
          read_text(entry.path().string()).value_or("");
  return headers;
}

// Adds a header and all that it includes, by whatever way.
void add_reached(const Headers& headers, const std::string& from, std::set<std::string>& reached) {
  const auto found = headers.find(from);
  if (found == headers.end() || !reached.insert(from).second) return;
  for (const Line& line : lines_of(found->second))
    add_reached(headers, included_header(line.text), reached);
}

struct Files {
  std::string folder;
  std::string declared = folder + "/declared";  // the headers' halves
  std::string bodies = folder + "/bodies";
  std::string header = folder + "/ahead.hpp";
  std::string source = folder + "/ahead.cpp";
  std::string object = folder + "/ahead.o";
};

// The headers that the steps include, by whatever way.
std::set<std::string> included_by(const Chapter& chapter, const std::vector<std::string>& compile) {
  std::vector<std::string> words = joined(compile, {"-MM", "-Iinclude", "-Itests"});
  for (const Step& step : find_steps(chapter.part))
    words.push_back(step.source);
  std::set<std::string> names;
  std::istringstream text(run(words, {project_root(), true, 0}).output);
  for (std::string word; text >> word;)
    if (word.compare(0, 15, "include/lsmith/") == 0) names.insert(word.substr(8));
  return names;
}

void write_sources(const Files& files, const Chapter& chapter, const std::set<std::string>& wanted,
                   std::string_view standard) {
  const Headers headers = read_headers();
  std::set<std::string> names;
  std::string includes;
  for (const std::string& name : wanted) {
    std::set<std::string> reached;
    add_reached(headers, name, reached);
    const bool is_private = name.find("/detail/") != name.npos;  // comes with whom it belongs to
    if (is_private || reached.count("lsmith/" + chapter.part.header) > 0) continue;
    names.merge(reached);
    includes += "#include <" + name + ">\n";
  }
  for (const std::string& name : names) {
    const std::string& text = headers.at(name);
    const Halves halves = take_apart(text, text);
    const std::string line = "#line 1 \"include/" + name + "\"\n";
    write_text(files.declared + "/" + name, line + halves.declared);
    write_text(files.bodies + "/" + name, line + halves.bodies);
  }
  write_text(files.header, std::string(standard) + includes);
  write_text(files.source, includes);
}

}  // namespace

void make_ahead(Chapter& chapter, const std::vector<std::string>& compile,
                std::string_view standard) {
  if (!chapter.others.empty()) return;
  const Files files{chapter.cache + "/ahead-" + chapter.part.number};
  const std::lock_guard lock(mutex_of(files.folder));
  if (!is_newer_than_all(files.object, project_root() + "/include") ||
      !is_newer_than_all(files.object, project_root() + "/labs/tool/course")) {
    std::error_code error;
    fs::remove_all(files.folder, error);
    write_sources(files, chapter, included_by(chapter, compile), standard);
    auto header = std::async(std::launch::async, [&] {
      std::string ignored;
      return compile_once(
          joined(compile, {"-I" + files.declared, "-x", "c++-header", files.header}),
          files.header + precompiled_suffix(), ignored);
    });
    std::string ignored;
    const bool has_object = compile_once(
        joined(chapter.compile, {"-I" + files.bodies, "-c", files.source}), files.object, ignored);
    if (!header.get() || !has_object) return;
  }
  chapter.ahead = joined(compile, {"-include", files.header});
  chapter.ahead_folder = files.declared;
  chapter.ahead_object = files.object;
}

}  // namespace lab
