// book_test.cpp: what the book says of files, steps and headings is there. Run from the project's
// root.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::filesystem::path> pages() {
  std::vector<std::filesystem::path> found = {"README.md"};
  for (const auto& entry : std::filesystem::directory_iterator("book"))
    if (entry.path().extension() == ".md") found.push_back(entry.path());
  return found;
}

// The graded files of all parts: tests/<part>/1_name_test.cpp.
std::vector<std::filesystem::path> graded_files() {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("tests")) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() == ".cpp" && std::isdigit(static_cast<unsigned char>(name[0])))
      found.push_back(entry.path());
  }
  return found;
}

// The text between `begin`, first found behind `from`, and `end`; empty when it is not there.
std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t at = text.find(begin);
  if (at == text.npos) return {};
  const std::size_t first = at + begin.size();
  return text.substr(first, text.find(end, first) - first);
}

// "Walking backwards and turning" as "walking-backwards-and-turning", as Markdown's readers do it.
std::set<std::string> anchors_of(const std::string& page) {
  std::set<std::string> anchors;
  for (std::size_t at = 0; (at = page.find("\n## ", at)) != page.npos; ++at) {
    std::string anchor;
    for (const char c : page.substr(at + 4, page.find('\n', at + 4) - at - 4)) {
      if (c == ' ')
        anchor += '-';
      else if (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_')
        anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    anchors.insert(anchor);
  }
  return anchors;
}

bool is_of_a_path(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '.' || c == '_' ||
         c == '-' || c == '*';
}

// The paths in a text that begin with one of the project's folders and end as a file does.
std::set<std::string> paths_in(const std::string& text) {
  std::set<std::string> paths;
  for (const std::string folder : {"include/lsmith/", "solutions/", "tests/", "book/", "labs/"}) {
    for (std::size_t at = 0; (at = text.find(folder, at)) != text.npos; ++at) {
      if (at > 0 && is_of_a_path(text[at - 1])) continue;
      const auto end = std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(),
                                        is_of_a_path);
      std::string path(text.begin() + static_cast<std::ptrdiff_t>(at), end);
      while (!path.empty() && path.back() == '.')
        path.pop_back();
      const bool is_file = path.find('.') != path.npos && path.find('*') == path.npos;
      if (is_file && path.compare(0, 10, "labs/mine/") != 0) paths.insert(path);
    }
  }
  return paths;
}

}  // namespace

TEST_CASE("every file that the book names is there") {
  std::size_t count = 0;
  for (const auto& page : pages()) {
    for (const std::string& path : paths_in(text_of(page))) {
      CHECK_MESSAGE(std::filesystem::exists(path), page.string() << " names " << path);
      ++count;
    }
  }
  CHECK(count > 20);
}

TEST_CASE("where a graded step says to read there is a heading, and three hints for the step") {
  const std::vector<std::filesystem::path> files = graded_files();
  CHECK(files.size() > 30);
  for (const auto& file : files) {
    const std::string text = text_of(file);
    const std::string page_name = "book/" + between(text, "\"book/", "#");
    const std::string anchor = between(text, page_name + "#", "\"");
    const std::string page = text_of(page_name);
    CHECK_MESSAGE(anchors_of(page).count(anchor) == 1,
                  file.string() << ": " << page_name << " has no #" << anchor);
    const std::string step = page_name.substr(5, 2) + "." + file.filename().string()[0];
    for (const char* const level : {"first", "second", "third"}) {
      const std::string hint = between(
          page, "<details><summary>Hint " + step + ", " + level + "</summary>\n", "</details>");
      CHECK_MESSAGE(hint.size() > 80, page_name << " lacks the " << level << " hint of " << step);
    }
  }
}

TEST_CASE("pages show no code that nothing compiles") {
  for (const auto& page : pages())
    if (page != "README.md")
      CHECK_MESSAGE(text_of(page).find("```cpp") == std::string::npos,
                    page.string() << " shows code: put it into a file and name that");
}
