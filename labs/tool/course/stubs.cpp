// stubs.cpp: finds functions by their first lines, as clang-format leaves them.
#include "stubs.hpp"

#include <cstddef>
#include <vector>

namespace lab {
namespace {

struct Function {
  std::string name;  // "Block::open(" and what follows the parameters
  std::size_t body = 0;
  std::size_t end = 0;  // the body's last line, a lone "}"
};

// The functions at the outer level: what begins in column 1 and goes on to " {" at a line's end.
std::vector<Function> functions_of(const std::string& text) {
  std::vector<Function> functions;
  for (std::size_t open = 0; (open = text.find(" {\n", open)) != text.npos; ++open) {
    const std::size_t parameters = text.rfind('(', open);
    if (parameters == text.npos) continue;
    const std::size_t line = text.rfind('\n', parameters) + 1;
    const bool is_outer = text[line] != ' ' && text[line] != '/' && text[line] != '#';
    const bool is_one = text.find('}', line) > open && text.find(';', line) > open;
    if (!is_outer || !is_one) continue;
    const std::size_t name = text.rfind(' ', parameters) + 1;
    const std::size_t close = text.rfind(')', open);
    functions.push_back({text.substr(name, parameters - name) + text.substr(close, open - close),
                         open + 3, text.find("\n}\n", open) + 1});
  }
  return functions;
}

// The step of "NN.S is not yet written" in a body; empty when it is no stub.
std::string step_of(const std::string& body) {
  const std::size_t end = body.find(" is not yet written\"");
  const std::size_t begin = end == body.npos ? end : body.rfind('"', end);
  return begin == body.npos ? "" : body.substr(begin + 1, end - begin - 1);
}

}  // namespace

std::string with_stubs_after(const std::string& step, const std::string& lab,
                             const std::string& solution, std::string& error) {
  std::string text = solution;
  for (const Function& stub : functions_of(lab)) {
    const std::string later = step_of(lab.substr(stub.body, stub.end - stub.body));
    if (later.empty() || later <= step) continue;
    int count = 0;
    Function own;
    for (const Function& each : functions_of(text)) {
      if (each.name != stub.name) continue;
      own = each;
      ++count;
    }
    if (count == 0) continue;  // the solution has it within another one
    if (count > 1) {
      error = stub.name + " is in the solution " + std::to_string(count) + " times";
      return {};
    }
    text.replace(own.body, own.end - own.body,
                 "  throw std::logic_error(\"" + later + " is not yet written\");\n");
  }
  return "#include <stdexcept>\n" + text;
}

}  // namespace lab
