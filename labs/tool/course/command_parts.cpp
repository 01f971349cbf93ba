// command_parts.cpp: `labs/lab parts`: the parts of the engine and how long they are.
#include "commands.hpp"
#include "contract.hpp"
#include "project.hpp"

#include <algorithm>
#include <set>

namespace lab {
namespace {

constexpr std::string_view usage =
    "usage: labs/lab parts\n\n"
    "Prints a table of every part: lines of its contract, of the textbook's header, of the "
    "library's,\n"
    "with what only that part includes from detail/. Blank lines and comments count in the "
    "contract;\n"
    "of the headers only lines with code are counted.\n";

bool has_code(const std::string& line) {
  const std::size_t at = line.find_first_not_of(" \t");
  return at != line.npos && line.compare(at, 2, "//") != 0;
}

std::size_t code_lines(const std::string& text) {
  const auto lines = lines_of(text);
  return static_cast<std::size_t>(std::count_if(
      lines.begin(), lines.end(), [](const Line& line) { return has_code(line.text); }));
}

// The lines of a header of the library, with the helpers in detail/ that it names, and they.
std::size_t production_lines(const std::string& header, std::set<std::string>& seen) {
  if (!seen.insert(header).second) return 0;
  const std::string text = read_text(project_root() + "/include/lsmith/" + header).value_or("");
  std::size_t count = code_lines(text);
  for (const Line& line : lines_of(text)) {
    const std::string name = included_header(line.text);
    if (name.substr(0, 14) == "lsmith/detail/") count += production_lines(name.substr(7), seen);
  }
  return count;
}

}  // namespace

int run_parts(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(usage), finish(exit_fine);
  if (!arguments.words().empty() || !arguments.error().empty())
    return print(usage), complain(exit_usage, "parts takes no words");
  print("| part | header | contract | textbook | production |\n|---|---|--:|--:|--:|\n");
  std::size_t sums[3] = {};
  for (const Part& part : all_parts()) {
    const std::string solution = project_root() + "/solutions/" + part.folder + "/lsmith/";
    const std::string text = read_text(solution + part.header).value_or("");
    std::set<std::string> seen;
    const std::size_t counts[3] = {contract_of(text).size(), code_lines(text),
                                   production_lines(part.header, seen)};
    print("| " + part.number + " " + part.name + " | `" + part.header + "` |");
    for (int i = 0; i < 3; ++i) {
      print(" " + std::to_string(counts[i]) + " |");
      sums[i] += counts[i];
    }
    print("\n");
  }
  print("| all | |");
  for (const std::size_t sum : sums)
    print(" " + std::to_string(sum) + " |");
  print("\n");
  return finish(exit_fine);
}

}  // namespace lab
