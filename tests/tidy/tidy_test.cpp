// tidy_test.cpp: the house rules that are about text: equal contracts, includes, lengths.
//
// Each rule looks at every file that it is about and names file and line. What breaks a rule for a
// good reason stands in exceptions.txt, with the reason. Files of students are never looked at.
#include <contract.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
using lab::Line;

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.is_open(), path.string() << " can not be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

// The project's files below a folder with one of these endings, as paths from the project's root.
std::vector<std::string> files_below(const std::string& folder,
                                     const std::set<std::string>& endings) {
  std::vector<std::string> files;
  if (!fs::exists(folder)) return files;
  for (auto entry = fs::recursive_directory_iterator(folder); entry != fs::end(entry); ++entry) {
    const std::string path = entry->path().generic_string();
    if (path == "labs/mine") entry.disable_recursion_pending();
    if (entry->is_regular_file() && endings.count(entry->path().extension().string()) > 0)
      files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> files_below_all(std::initializer_list<const char*> folders,
                                         const std::set<std::string>& endings) {
  std::vector<std::string> all;
  for (const char* folder : folders) {
    const auto files = files_below(folder, endings);
    all.insert(all.end(), files.begin(), files.end());
  }
  return all;
}

std::vector<std::string> all_sources() {
  return files_below_all({"include", "solutions", "labs", "tests"}, {".hpp", ".cpp"});
}

std::vector<std::string> shipped_headers() {
  return files_below_all({"include", "solutions"}, {".hpp"});
}

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

// What exceptions.txt allows, and what of it was needed.
class Exceptions {
 public:
  Exceptions() {
    for (const Line& line : lab::lines_of(read_text("tests/tidy/exceptions.txt"))) {
      if (line.text.empty() || line.text[0] == '#') continue;
      const std::size_t first = line.text.find('|');
      const std::size_t second = line.text.find('|', first + 1);
      const bool is_whole =
          second != std::string::npos && !trimmed(line.text.substr(second + 1)).empty();
      CHECK_MESSAGE(is_whole,
                    "exceptions.txt:" << line.number << ": rule | file | reason is expected");
      if (!is_whole) continue;
      allowed_[{trimmed(line.text.substr(0, first)),
                trimmed(line.text.substr(first + 1, second - first - 1))}] = false;
    }
  }

  bool allow(const std::string& rule, const std::string& file) {
    const auto found = allowed_.find({rule, file});
    if (found == allowed_.end()) return false;
    return found->second = true;
  }

  // Those of one rule that nothing needed.
  std::vector<std::string> unneeded(const std::string& rule) const {
    std::vector<std::string> names;
    for (const auto& [key, was_needed] : allowed_)
      if (key.first == rule && !was_needed) names.push_back(key.first + " | " + key.second);
    return names;
  }

  std::set<std::string> rules() const {
    std::set<std::string> names;
    for (const auto& [key, was_needed] : allowed_)
      names.insert(key.first);
    return names;
  }

 private:
  std::map<std::pair<std::string, std::string>, bool> allowed_;
};

// One rule: collects what breaks it, and reports at the end of the case.
class Rule {
 public:
  explicit Rule(std::string name) : name_(std::move(name)) {}
  ~Rule() {
    for (const std::string& violation : violations_)
      FAIL_CHECK(violation);
    for (const std::string& name : exceptions_.unneeded(name_))
      FAIL_CHECK("an exception that is no longer needed: " << name);
    CHECK(violations_.empty());
  }

  void broken(const std::string& file, std::size_t line, const std::string& why) {
    if (exceptions_.allow(name_, file)) return;
    violations_.push_back(file + ":" + std::to_string(line) + ": " + why);
  }

 private:
  std::string name_;
  Exceptions exceptions_;
  std::vector<std::string> violations_;
};

// ---- Contracts
// ------------------------------------------------------------------------------------

// Reports the first line in which two headers' contracts differ.
void compare_contracts(const std::string& first, const std::string& second, Rule& rule) {
  const auto a = lab::contract_of(read_text(first));
  const auto b = lab::contract_of(read_text(second));
  std::size_t at = 0;
  while (at < a.size() && at < b.size() && a[at].text == b[at].text)
    ++at;
  if (at == a.size() && at == b.size()) return;
  const Line end{0, "(the contract ends here)"};
  const Line& left = at < a.size() ? a[at] : end;
  const Line& right = at < b.size() ? b[at] : end;
  rule.broken(second, right.number,
              "the contract differs from " + first + ":" + std::to_string(left.number) + "\n    " +
                  left.text + "\n    " + right.text);
}

TEST_CASE("the contract of a part is the same text in include, solutions and labs") {
  Rule rule("contract");
  for (const std::string& header : files_below_all({"solutions", "labs"}, {".hpp"})) {
    const std::size_t at = header.find("/lsmith/");
    if (at == header.npos) continue;
    const std::string production = "include" + header.substr(at);
    if (fs::exists(production)) {
      CHECK_MESSAGE(!lab::contract_of(read_text(production)).empty(), production);
      compare_contracts(production, header, rule);
    } else {
      rule.broken(header, 1, "there is no " + production);
    }
  }
}

TEST_CASE("a contract is taken from a text as its definition says") {
  const auto contract = lab::contract_of(
      "/// A thing.\n/// Large.\nclass Thing {\n public:\n  int size() const;\n\n private:\n  int "
      "x_;\n};\n"
      "// not this\nint helper();\n/// Adds.\nint add(int a,\n        int b);\n/// Whole.\n"
      "inline int one() {\n  return 1;\n}\n/// A type.\nenum class Kind { a, b };\nint other;\n");
  std::string text;
  for (const Line& line : contract)
    text += line.text + "\n";
  CHECK(text ==
        "/// A thing.\n/// Large.\nclass Thing {\n public:\n  int size() const;\n"
        "/// Adds.\nint add(int a,\n        int b);\n/// Whole.\ninline int one()\n"
        "/// A type.\nenum class Kind { a, b };\n");
}

// ---- Includes
// -------------------------------------------------------------------------------------

TEST_CASE("every header begins with #pragma once, behind its comment") {
  Rule rule("pragma");
  for (const std::string& file :
       files_below_all({"include", "solutions", "labs", "tests"}, {".hpp"})) {
    bool has_it = false;
    for (const Line& line : lab::lines_of(read_text(file))) {
      has_it = has_it || line.text == "#pragma once";
      if (!has_it && line.text.compare(0, 8, "#include") == 0) break;
    }
    if (!has_it) rule.broken(file, 1, "there is no #pragma once before the first include");
  }
}

TEST_CASE("headers of the library are included in angles, so that a view can replace them") {
  Rule rule("quoted");
  for (const std::string& file : all_sources()) {
    const bool is_shipped =
        file.compare(0, 6, "tests/") != 0 && file.compare(0, 10, "labs/tool/") != 0;
    for (const Line& line : lab::lines_of(read_text(file))) {
      if (line.text.compare(0, 10, "#include \"") != 0) continue;
      if (is_shipped || line.text.find("lsmith/") != std::string::npos)
        rule.broken(file, line.number, line.text);
    }
  }
}

TEST_CASE("costly and thread-aware standard headers stay out of the library") {
  Rule rule("include");
  const std::set<std::string> forbidden = {"filesystem", "functional", "iostream", "random",
                                           "regex",      "fstream",    "sstream",  "future",
                                           "format",     "ranges"};
  const std::set<std::string> threads = {"thread", "mutex", "condition_variable", "shared_mutex"};
  const std::set<std::string> know_threads = {"include/lsmith/mutex.hpp",
                                              "include/lsmith/executor.hpp",
                                              "include/lsmith/detail/threads_executor.hpp"};
  for (const std::string& file : shipped_headers()) {
    for (const Line& line : lab::lines_of(read_text(file))) {
      const std::string name = lab::included_header(line.text);
      const bool is_thread = threads.count(name) > 0 && know_threads.count(file) == 0;
      if (forbidden.count(name) > 0 || is_thread) rule.broken(file, line.number, line.text);
    }
  }
}

TEST_CASE("a helper in detail belongs to one part") {
  Rule rule("detail");
  std::map<std::string, std::set<std::string>> users;
  for (const std::string& file : files_below("include", {".hpp"})) {
    if (file.find("/detail/") != std::string::npos) continue;
    for (const Line& line : lab::lines_of(read_text(file))) {
      const std::string name = lab::included_header(line.text);
      if (name.compare(0, 14, "lsmith/detail/") == 0) users["include/" + name].insert(file);
    }
  }
  for (const auto& [helper, by] : users) {
    if (by.size() > 1)
      rule.broken(helper, 1, "included by " + *by.begin() + " and " + *by.rbegin());
  }
}

// ---- Lengths
// --------------------------------------------------------------------------------------

TEST_CASE("no line is wider than 100 columns, and none holds a tab") {
  Rule width("width");
  Rule tab("tab");
  for (const std::string& file : all_sources()) {
    for (const Line& line : lab::lines_of(read_text(file))) {
      const auto columns = std::count_if(line.text.begin(), line.text.end(),
                                         [](char c) { return (c & 0xc0) != 0x80; });
      if (columns > 100) width.broken(file, line.number, std::to_string(columns) + " columns");
      if (line.text.find('\t') != std::string::npos) tab.broken(file, line.number, "a tab");
    }
  }
}

TEST_CASE("no file of the library, the textbook or the labs is longer than 500 lines") {
  Rule rule("length");
  for (const std::string& file :
       files_below_all({"include", "solutions", "labs"}, {".hpp", ".cpp"})) {
    const std::size_t count = lab::lines_of(read_text(file)).size();
    if (count > 500) rule.broken(file, count, std::to_string(count) + " lines");
  }
}

TEST_CASE("nothing is left to do in a comment") {
  Rule rule("to-do");
  for (const std::string& file : all_sources()) {
    for (const Line& line : lab::lines_of(read_text(file))) {
      for (const std::string word : {"TO"
                                     "DO",
                                     "FIX"
                                     "ME",
                                     "XX"
                                     "X:"})
        if (line.text.find(word) != std::string::npos) rule.broken(file, line.number, word);
    }
  }
}

// ---- Views
// ----------------------------------------------------------------------------------------

// The value of a member in a line of compile_commands.json.
std::string member(const std::string& line, const std::string& name) {
  const std::string front = "\"" + name + "\": \"";
  const std::size_t at = line.find(front);
  return at == line.npos ? std::string() : line.substr(at + front.size());
}

// The folders of ours on a command's include path, in order; "!" before one given as a system
// folder.
std::string view_of(const std::string& command) {
  std::string view;
  for (std::size_t at = 0; at < command.size();) {
    const std::size_t end = std::min(command.find(' ', at), command.size());
    const std::string word = command.substr(at, end - at);
    at = end + 1;
    if (word == "-isystem") {
      const std::size_t next = std::min(command.find(' ', at), command.size());
      if (command.substr(at, next - at).find(fs::current_path().string()) == 0)
        view += " !" + command.substr(at, next - at);
    }
    if (word.compare(0, 2, "-I") == 0) view += " " + word.substr(2);
  }
  return view;
}

TEST_CASE("one executable, one view") {
  std::map<std::string, std::set<std::string>> views;  // by target
  for (const Line& line : lab::lines_of(read_text(LSMITH_BUILD_FOLDER "/compile_commands.json"))) {
    const std::string command = member(line.text, "command");
    const std::size_t at = command.find(" -o CMakeFiles/");
    if (at == command.npos) continue;
    const std::size_t end = command.find(".dir/", at);
    views[command.substr(at + 15, end - at - 15)].insert(view_of(command));
  }
  CHECK(views.size() > 2);
  for (const auto& each : views) {
    const std::string& target = each.first;
    const std::set<std::string>& seen = each.second;
    CHECK_MESSAGE(seen.size() == 1, target << " is compiled in more than one view");
    for (const std::string& view : seen) {
      CHECK_MESSAGE(view.find('!') == view.npos, target << " takes a view as a system folder");
      const std::size_t own = view.find(fs::current_path().string() + "/include");
      const std::size_t last = std::max(view.rfind("/solutions/") + 1, view.rfind("/labs/") + 1);
      CHECK_MESSAGE((last == 0 || last < own || target == "tidy"), target << " puts include first");
    }
  }
}

TEST_CASE("every exception is to a rule that exists") {
  const std::set<std::string> rules = {"contract", "pragma", "quoted", "include", "detail",
                                       "width",    "tab",    "length", "to-do"};
  for (const std::string& rule : Exceptions().rules())
    CHECK_MESSAGE(rules.count(rule) == 1, rule << " in exceptions.txt is no rule");
}

}  // namespace
