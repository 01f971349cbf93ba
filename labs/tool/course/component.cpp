// component.cpp: keeps what is compiled, compiles what has changed.
#include "component.hpp"

#include "compiling.hpp"
#include "contract.hpp"
#include "halves.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

namespace lab {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t objects_max = 8;     // then all bodies are compiled anew
constexpr std::size_t declared_kept = 15;  // of one part

// Whether nothing that the chapter's headers come from, nor the tool that takes them apart, nor
// what is in `folder`, has changed since `made`.
bool is_fresh(const std::string& made, const Chapter& chapter, const std::string& folder) {
  const auto folders =
      joined({"include", "labs/tool/course", "tests/support", folder}, chapter.others);
  return std::all_of(folders.begin(), folders.end(), [&](const std::string& each) {
    return is_newer_than_all(made, project_root() + "/" + each);
  });
}

// Removes all but the newest in a folder.
void keep_newest(const std::string& folder, std::size_t count_max) {
  std::vector<std::pair<fs::file_time_type, fs::path>> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    found.emplace_back(entry.last_write_time(error), entry.path());
  std::sort(found.rbegin(), found.rend());
  for (std::size_t i = count_max; i < found.size(); ++i)
    fs::remove_all(found[i].second, error);
}

// What a component was when its bodies were compiled.
struct Compiled {
  std::vector<std::string> objects;  // the newest first
  std::string text;
};

constexpr std::string_view end_of_objects = "----\n";

Compiled read_compiled(const std::string& path) {
  const std::string file = read_text(path).value_or("");
  const std::size_t end = file.find(end_of_objects);
  if (end == file.npos) return {};
  Compiled compiled{{}, file.substr(end + end_of_objects.size())};
  for (const Line& line : lines_of(std::string_view(file).substr(0, end)))
    compiled.objects.push_back(line.text);
  return compiled;
}

void write_compiled(const std::string& path, const Compiled& compiled) {
  std::string file;
  for (const std::string& object : compiled.objects)
    file += object + "\n";
  write_text(path, file + std::string(end_of_objects) + compiled.text);
}

class Bodies {
 public:
  Bodies(const Chapter& chapter, std::string text) : chapter_(chapter), text_(std::move(text)) {}

  // The objects, the newest first; none when the bodies do not compile.
  std::vector<std::string> objects() const {
    Compiled compiled;
    std::optional<Change> change;
    // A component begins as the lab's is; a mutant is like the textbook's.
    for (const std::string view : {chapter_.view.c_str(), "solutions", "lab"}) {
      compiled = usable(path_in(view));
      if (compiled.objects.empty() || compiled.objects.size() >= objects_max) continue;
      change = change_since(compiled.text, text_);
      if (change) break;
    }
    if (change && change->changed == 0) return compiled.objects;
    if (!change) forget(compiled);
    const std::string object = compile(change ? change->bodies : take_apart(text_, {}).bodies);
    if (object.empty()) return {};
    compiled.objects.insert(compiled.objects.begin(), object);
    compiled.text = text_;
    write_compiled(path_in(chapter_.view), compiled);
    return compiled.objects;
  }

 private:
  std::string path_in(const std::string& view) const {
    Chapter chapter = chapter_;
    chapter.view = view;
    const auto words = words_with(chapter_, {}, !chapter_.ahead.empty());
    return folder_of(chapter) + "/bodies-" + hash_name(words) + ".txt";
  }

  // Removes what this view compiled.
  void forget(Compiled& compiled) const {
    std::error_code error;
    for (const std::string& object : usable(path_in(chapter_.view)).objects)
      if (fs::path(object).parent_path() == folder_of(chapter_)) fs::remove(object, error);
    compiled.objects.clear();
  }

  // What is noted there, while all of it is up to date.
  Compiled usable(const std::string& path) const {
    Compiled compiled = read_compiled(path);
    for (const std::string& object : compiled.objects)
      if (!is_fresh(object, chapter_, "include")) return {};
    return compiled;
  }

  std::string compile(const std::string& bodies) const {
    const std::string folder = folder_of(chapter_) + "/bodies-" + hash_name({bodies});
    const std::string object = folder + ".o", unit = folder + "/bodies.cpp";
    const std::string header = header_in(chapter_.folder, chapter_.part);
    const std::string& name = chapter_.part.header;
    write_text(folder + "/lsmith/" + name, "#line 1 \"" + header + "\"\n" + bodies);
    write_text(unit, "#include <lsmith/" + name + ">\n");
    const auto words = words_with(chapter_, folder, !chapter_.ahead.empty());
    std::string ignored;
    const bool done = compile_once(joined(words, {"-c", unit}), object, ignored);
    std::error_code error;
    fs::remove_all(folder, error);
    return done ? object : "";
  }

  const Chapter& chapter_;
  const std::string text_;
};

// Whether the component is one file. What else it may include is not looked at here.
bool is_alone(const Chapter& chapter) {
  std::error_code error;
  const fs::path folder = project_root() + "/" + chapter.folder + "/lsmith";
  return chapter.folder.empty() || std::distance(fs::directory_iterator(folder, error), {}) == 1;
}

}  // namespace

std::vector<std::string> words_with(const Chapter& chapter, const std::string& folder,
                                    bool is_ahead) {
  std::vector<std::string> words = is_ahead ? chapter.ahead : chapter.compile;
  if (!folder.empty()) words.push_back("-I" + folder);
  for (const std::string& other : chapter.others)
    words.push_back("-I" + other);
  if (is_ahead) words.push_back("-I" + chapter.ahead_folder);
  return joined(std::move(words), {"-Iinclude", "-Itests"});
}

std::string folder_of(const Chapter& chapter) {
  return chapter.cache + "/" + chapter.part.folder + "-" + chapter.view;
}

void make_component(Chapter& chapter) {
  if (!is_alone(chapter)) return;
  const auto read = [&](const std::string& folder) {
    return read_text(project_root() + "/" + header_in(folder, chapter.part));
  };
  const auto text = read(chapter.folder), lab = read(*folder_of("lab", chapter.part));
  if (!text || !lab || has_own_state(*text)) return;
  // What else of the library belongs to a part, in detail/, may name all that is in its header.
  const std::string& contract = chapter.folder.empty() ? *text : *lab;
  const std::string declared = without_blank_lines(take_apart(*text, contract).declared);
  const auto words = words_with(chapter, {}, !chapter.ahead.empty());
  const std::string folder = chapter.cache + "/" + chapter.part.folder + "-declared";
  chapter.declared = folder + "/" + hash_name(joined(words, {declared}));
  const std::string copy = chapter.declared + "/lsmith/" + chapter.part.header;
  if (!fs::exists(copy)) {
    keep_newest(folder, declared_kept);
    write_text(copy, declared);
  }
  chapter.bodies = Bodies(chapter, *text).objects();
}

bool link_component(const Chapter& chapter, const std::vector<std::string>& sources,
                    const std::string& executable) {
  if (chapter.bodies.empty()) return false;
  const auto words = words_with(chapter, chapter.declared, !chapter.ahead.empty());
  std::string ignored;
  std::vector<std::string> link =
      joined(joined(chapter.compile, {chapter.main_object}), chapter.bodies);
  for (const std::string& source : sources) {
    const fs::path path(source);
    const std::string object = chapter.declared + "/" + path.stem().string() + ".o";
    if (!is_fresh(object, chapter, path.parent_path()) &&
        !compile_once(joined(words, {"-c", source}), object, ignored))
      return false;
    link.push_back(object);
  }
  if (!chapter.ahead.empty()) link.push_back(chapter.ahead_object);
  return compile_once(link, executable, ignored);
}

}  // namespace lab
