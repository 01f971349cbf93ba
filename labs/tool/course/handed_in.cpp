// handed_in.cpp: reads what a header includes, and what the course's files hold.
#include "handed_in.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <functional>
#include <set>
#include <string_view>
#include <system_error>

namespace lab {
namespace {

namespace fs = std::filesystem;

// The text as the compiler first sees it: a line that ends with a backslash goes on with the next.
std::string spliced(const std::string& text) {
  std::string lines;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::size_t end = i + 1;
    while (text[i] == '\\' && end < text.size() && (text[end] == ' ' || text[end] == '\r'))
      ++end;
    if (text[i] == '\\' && end < text.size() && text[end] == '\n')
      i = end;
    else
      lines += text[i];
  }
  return lines;
}

// Behind blanks and comments.
std::size_t skip_blank(const std::string& text, std::size_t at) {
  for (;;) {
    at = std::min(text.find_first_not_of(" \t\v\f\r", at), text.size());
    if (text.compare(at, 2, "/*") != 0) return at;
    const std::size_t end = text.find("*/", at + 2);
    at = end == text.npos ? text.size() : end + 2;
  }
}

// Why this must not be brought in; empty when it may be.
std::string fault_of_path(const std::string& path, const Part& part) {
  constexpr std::string_view ours = "lsmith/";
  if (path.compare(0, ours.size(), ours) == 0 && path.find('/', ours.size()) == path.npos)
    return path.substr(ours.size()) == part.header ? "the component that it replaces" : "";
  if (path.empty() || path[0] == '/' || path.find("..") != path.npos) return "refused by its path";
  for (const std::string folder : {"", "include/", "tests/", "labs/tool/", "labs/tool/course/"})
    if (fs::exists(project_root() + "/" + folder + path)) return "what is not for components";
  return {};
}

// Of the directive at `at`, behind its mark; empty: it is fine, or brings nothing in.
std::string fault_of_directive(const std::string& text, std::size_t at, const Part& part) {
  static const std::set<std::string> refused = {"include_next", "import", "embed"};
  at = skip_blank(text, at);
  std::size_t end = at;
  while (end < text.size() &&
         (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_'))
    ++end;
  const std::string word = text.substr(at, end - at);
  if (refused.count(word) > 0) return "#" + word + " is not for components";
  if (word != "include") return {};
  at = skip_blank(text, end);
  const char open = at < text.size() ? text[at] : '\0';
  if (open != '<' && open != '"') return "#include must name its header";
  const std::size_t close = text.find_first_of(open == '<' ? ">\n" : "\"\n", at + 1);
  const std::string path = text.substr(at + 1, close - at - 1);
  const std::string fault = fault_of_path(path, part);
  return fault.empty() ? "" : "it includes " + path + ": " + fault;
}

}  // namespace

std::string fault_of_header(const std::string& header, const std::string& submission,
                            const Part& part) {
  std::error_code error;
  const fs::path whole = fs::canonical(header, error), root = fs::canonical(submission, error);
  const bool is_below =
      whole == root ||
      std::mismatch(root.begin(), root.end(), whole.begin(), whole.end()).first == root.end();
  if (error || !is_below || !fs::is_regular_file(fs::symlink_status(header, error)))
    return part.header + " is a link, not a file";
  const std::string text = spliced(read_text(header).value_or(""));
  for (const std::string_view mark : {"#", "%:"})
    for (std::size_t at = 0; (at = text.find(mark, at)) != text.npos; at += mark.size())
      if (std::string fault = fault_of_directive(text, at + mark.size(), part); !fault.empty())
        return fault;
  return {};
}

CourseFiles read_course_files() {
  CourseFiles files;
  std::error_code error;
  for (const std::string folder : {"include", "labs", "tests", "solutions"}) {
    fs::recursive_directory_iterator at(project_root() + "/" + folder, error), end;
    for (; !error && at != end; at.increment(error)) {
      const std::string path = fs::relative(at->path(), project_root(), error).string();
      if (path == "labs/mine") at.disable_recursion_pending();
      if (at->is_regular_file(error) && path.compare(0, 10, "labs/mine/") != 0)
        files[path] = std::hash<std::string>()(read_text(at->path().string()).value_or(""));
    }
  }
  return files;
}

std::string changed_file(const CourseFiles& before, const CourseFiles& now) {
  for (const auto& [path, hash] : before)
    if (const auto found = now.find(path); found == now.end() || found->second != hash) return path;
  for (const auto& [path, hash] : now)
    if (before.count(path) == 0) return path;
  return {};
}

}  // namespace lab
