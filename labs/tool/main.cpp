// main.cpp: finds the command and runs it.
#include "command.hpp"

#include <algorithm>
#include <cstdio>

namespace lab {
namespace {

constexpr std::string_view help =
    "lsmith: a storage engine, and the course that builds it\n\n"
    "  labs/lab                    the map of the course, and what is next\n"
    "  labs/lab start NN           copies the lab of a chapter to labs/mine, which is yours\n"
    "  labs/lab check NN[.STEP]    grades a chapter, step by step\n"
    "  labs/lab watch NN           the same each time you save\n"
    "  labs/lab replay SEED [NN]   checks with other random cases, those of the seed\n"
    "  labs/lab hint NN.STEP       help with a step, a little more each time\n"
    "  labs/lab reveal NN          the textbook's solution beside yours\n"
    "  labs/lab reset NN           begins a chapter anew; yours is kept\n"
    "  labs/lab use VIEW NN        whose component of a part your other checks run on\n"
    "  labs/lab demo [NN]          the engine on real data, its writer killed; with your part NN\n"
    "  labs/lab assemble           your engine, or the library, as one header\n\n"
    "  labs/lab db COMMAND …       reads, writes and inspects any database\n"
    "  labs/lab grade SUBMISSION…  grades what students handed in\n"
    "  labs/lab verify [NN]        proves that the tests catch what they must\n"
    "  labs/lab test               builds and runs every test\n"
    "  labs/lab torture            the engine under crashes, errors and rot, for a time\n"
    "  labs/lab bench              how fast the engine is, beside the textbook, yours, or its "
    "peers\n"
    "  labs/lab bench scaling      the same as entries, values and threads grow, as plots\n"
    "  labs/lab parts              the parts of the engine, and their lengths\n\n"
    "  labs/lab COMMAND --help says more about one of them.\n"
    "  labs/lab --install installs what they need.\n\n"
    "Exit codes: 0 fine, 1 a negative answer or a failure, 2 not understood.\n";

}  // namespace

std::size_t Arguments::options_end() const {
  return static_cast<std::size_t>(std::find(words_.begin(), words_.end(), "--") - words_.begin());
}

bool Arguments::flag(std::string_view name) {
  const auto end = words_.begin() + static_cast<std::ptrdiff_t>(options_end());
  const auto found = std::find(words_.begin(), end, name);
  if (found == end) return false;
  words_.erase(found);
  return true;
}

std::optional<std::string> Arguments::option(std::string_view name) {
  const std::string joined = std::string(name) + "=";
  for (std::size_t i = 0; i < options_end(); ++i) {
    const auto at = words_.begin() + static_cast<std::ptrdiff_t>(i);
    if (at->compare(0, joined.size(), joined) == 0) {
      std::string text = at->substr(joined.size());
      words_.erase(at);
      return text;
    }
    if (*at != name) continue;
    if (i + 1 == words_.size()) {
      error_ = std::string(name) + " needs a word behind it";
      return std::nullopt;
    }
    std::string text = *(at + 1);
    words_.erase(at, at + 2);
    return text;
  }
  return std::nullopt;
}

const std::vector<std::string>& Arguments::words() {
  const std::size_t end = options_end();
  for (std::size_t i = 0; i < end && !is_complete_ && error_.empty(); ++i)
    if (words_[i].size() > 1 && words_[i][0] == '-') error_ = "unknown option " + words_[i];
  if (end < words_.size() && !is_complete_)
    words_.erase(words_.begin() + static_cast<std::ptrdiff_t>(end));
  is_complete_ = true;
  return words_;
}

int complain(int code, std::string_view message) {
  std::fflush(stdout);
  std::fprintf(stderr, "labs/lab: %.*s\n", static_cast<int>(message.size()), message.data());
  return code;
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

int finish(int code) {
  if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return code;
  return complain(exit_failure, "the output could not be written");
}

}  // namespace lab

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "map";
  if (name == "help" || name == "--help" || name == "-h") {
    lab::print(lab::help);
    return lab::finish(lab::exit_fine);
  }
  if (const lab::Command command = lab::find_command(name))
    return command({argv + std::min(argc, 2), argv + argc});
  return lab::complain(lab::exit_usage, "there is no command \"" + name + "\"; these exist:\n\n" +
                                            std::string(lab::help));
}
