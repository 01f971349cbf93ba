// halves_test.cpp: how the runner takes a header apart (labs/tool/course/halves.hpp).
#include <course/halves.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.is_open(), path.string() << " can not be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

// The declarations of a text of which others name only what stands in `contract`.
std::string declared(const std::string& text, const std::string& contract = "Log size_of") {
  return lab::without_blank_lines(lab::take_apart(text, contract).declared);
}

std::string bodies(const std::string& text) {
  return lab::take_apart(text, "Log size_of").bodies;
}

TEST_SUITE_BEGIN("halves");

TEST_CASE("a function keeps its declaration, a member has it in its class") {
  CHECK(declared("inline int size_of(int a = 3) {\n  return a;\n}\n") ==
        "int size_of(int a = 3);\n");
  CHECK(declared("int size_of(int a)\n{ return a; }\n") == "int size_of(int a);\n");
  CHECK(declared("inline bool Log::add(int a) const {\n  return a > 0;\n}\n") == "");
  CHECK(declared("inline Log::~Log() = default;\n") == "");
  CHECK(declared("inline Log& Log::operator=(Log&& log) noexcept {\n  return *this;\n}\n") == "");
  CHECK(declared("inline Log::Log(int a)\n    : a_(a), b_{a}, c_(std::vector<int>{1, 2}), d_{} {\n"
                 "  size_ = 3;\n}\nint x;\n") == "int x;\n");
  CHECK(declared("namespace a {\nnamespace b::c {\nint size_of() { return 1; }\n}\n}\nint x;\n") ==
        "namespace a {\nnamespace b::c {\nint size_of();\n}\n}\nint x;\n");
}

TEST_CASE("what may be seen through stays whole") {
  for (const std::string text :
       {"template <class T, class K = int>\nT size_of(T a) {\n  return a;\n}\n",
        "constexpr int size_of(int a) {\n  return a;\n}\n", "auto size_of() {\n  return 1;\n}\n",
        "static int size_of() {\n  return 1;\n}\n", "namespace {\nint size_of() { return 1; }\n}\n",
        "class Log {\n  int size() const { return 1; }\n};\n",
        "inline bool operator==(const Log& a, const Log& b) {\n  return true;\n}\n",
        "inline const int limits[] = {1, 2};\n", "enum class Log : int { a, b };\n",
        "inline const auto size_of = [](int a) { return a; };\n", "extern \"C\" {\nint x;\n}\n",
        "#define SIZE(a) {\n#include <vector>\n"})
    CHECK(declared(text) == text);
}

TEST_CASE("what comes behind such a piece is found") {
  for (const std::string piece :
       {"template <class T = int>\nT no() {\n  return {};\n}\n", "int x{3};\n",
        "bool operator==(Log a, Log b) {\n  return true;\n}\n", "namespace {\nint y;\n}\n",
        "constexpr int z[] = {1, 2};\n", "struct Log {\n  int a = 1;\n} log;\n"})
    CHECK(declared(piece + "int size_of() {\n  return 1;\n}\n") == piece + "int size_of();\n");
}

TEST_CASE("literals and comments end nothing") {
  CHECK(declared(
            "int size_of() {\n  // } it's\n  /* } */ return '}' + \"}\\\"}\"[0];\n}\nint x;\n") ==
        "int size_of();\nint x;\n");
  CHECK(declared("int size_of() {\n  return R\"a(}\")})a\"[1'000];\n}\nint x;\n") ==
        "int size_of();\nint x;\n");
  CHECK(declared("int x;  // one\n/* two\n   lines */\nint y;\n") == "int x;\nint y;\n");
}

TEST_CASE("a helper that only bodies mention is not seen") {
  const std::string helper = "struct Row {\n  int a;\n};\n";
  const std::string user = "inline int rows(const Row& row) {\n  return row.a;\n}\n";
  CHECK(declared(helper + user) == "");
  CHECK(declared(helper + user + "int size_of(Row row);\n") == helper + "int size_of(Row row);\n");
  CHECK(declared(helper, "Row") == helper);
}

TEST_CASE("bodies keep their lines, their functions are weak") {
  CHECK(bodies("// a\ninline int size_of() {\n  return 1;\n}\n") ==
        "    \n[[gnu::weak]] int size_of() {\n  return 1;\n}\n");
  CHECK(bodies("Log::~Log() = default;\n") == "[[gnu::weak]] Log::~Log() = default;\n");
  CHECK(bodies("inline constexpr int x = 1;\n") == "inline constexpr int x = 1;\n");
}

TEST_CASE("of a text that has changed those functions are compiled that have") {
  const std::string text =
      "struct Log {\n  int a();\n};\nint Log::a() {\n  return 1;\n}\nint b() {\n  return 2;\n}\n";
  const auto change = [&](const std::string& from, const std::string& to) {
    std::string other = text;
    return lab::change_since(text, other.replace(other.find(from), from.size(), to));
  };
  const std::string log = "struct Log {\n  int a();\n};\n";
  CHECK(change("return 2", "return 2")->changed == 0);
  CHECK(change("return 2", "// two\n\n  return 2")->changed == 0);
  CHECK(change("return 2", "return 3")->changed == 1);
  CHECK(change("return 2", "return 3")->bodies ==
        log + "\n\n\n[[gnu::weak]] int b() {\n  return 3;\n}\n");
  CHECK(change("return 1", "return 3")->bodies ==
        log + "[[gnu::weak]] int Log::a() {\n  return 3;\n}\nint b();\n\n\n");
  CHECK_FALSE(change("int a();", "int a(), x;"));
  CHECK_FALSE(change("int b() {", "long b() {"));
  CHECK_FALSE(change("int b() {", "int c() { return 1; }\nint b() {"));
  CHECK_FALSE(change("int Log", "#include <map>\nint Log"));
}

TEST_CASE("declarations change with what a caller sees, not with bodies and comments") {
  const std::string text = read_text("solutions/03-block/lsmith/block.hpp");
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string other = text;
    const std::size_t at = other.find(from);
    REQUIRE_MESSAGE(at != other.npos, from);
    return declared(other.replace(at, from.size(), to), text) != declared(text, text);
  };
  CHECK_FALSE(changed(") {\n  ", ") {\n  // more\n  int more = 1;\n  "));
  CHECK_FALSE(changed("\n//", "\n// more\n//"));
  CHECK(changed(" private:\n", " private:\n  int more_ = 1;\n"));
  CHECK(changed("#include <", "#include <array>\n#include <"));
  const std::string end = "}  // namespace lsmith\n";
  CHECK_FALSE(changed(end, "inline int more() { return 1; }\n" + end));
  CHECK(changed(end, "inline int more = 1;\n" + end));
}

TEST_CASE("what each object would have for itself is found") {
  for (const char* const text :
       {"static int table[256];", "namespace a { static std::map<int, int> known; }",
        "namespace { int count = 0; }", "static int next() { static int n = 0; return ++n; }",
        "static int next() { constexpr int step = 1; static int n = 0; return n += step; }"})
    CHECK_MESSAGE(lab::has_own_state(text), text);
  for (const char* const text :
       {"static constexpr int size = 1;", "inline int f() { static int n = 0; return ++n; }",
        "class A { static int b; };", "namespace a { inline int c = 0; }",
        "static constexpr int f() { return 1; }", "static int twice(int n) { return 2 * n; }"})
    CHECK_MESSAGE(!lab::has_own_state(text), text);
}

TEST_CASE("no plain function is left in the declarations of the library and the textbook") {
  for (const char* const folder : {"include", "solutions"}) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.path().extension() != ".hpp") continue;
      const std::string text = read_text(entry.path());
      const lab::Halves halves = lab::take_apart(text, text);
      CAPTURE(entry.path().string());
      CHECK(std::count(text.begin(), text.end(), '\n') ==
            std::count(halves.declared.begin(), halves.declared.end(), '\n'));
      CHECK(std::count(text.begin(), text.end(), '\n') ==
            std::count(halves.bodies.begin(), halves.bodies.end(), '\n'));
      for (std::size_t at = 0; (at = halves.declared.find("\ninline ", at)) != text.npos; ++at) {
        const std::string line =
            halves.declared.substr(at + 1, halves.declared.find('\n', at + 1) - at - 1);
        const bool is_plain = line.find("constexpr") == line.npos &&
                              line.find("operator") == line.npos &&
                              line.find("auto ") == line.npos && line.find('(') != line.npos;
        CHECK_MESSAGE(!is_plain, line);
      }
    }
  }
}

TEST_SUITE_END();

}  // namespace
