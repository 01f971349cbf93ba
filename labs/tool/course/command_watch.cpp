// command_watch.cpp: `labs/lab watch`: checks a chapter each time its header is saved.
#include "commands.hpp"
#include "process.hpp"
#include "terminal.hpp"

#include <filesystem>
#include <system_error>

#include <unistd.h>

namespace lab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view usage =
    "usage: labs/lab watch NN\n\nChecks your component now and each time you save it. Ctrl-C ends "
    "it.\n";
constexpr unsigned look_every_us = 100'000;

}  // namespace

int run_watch(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(usage), finish(exit_fine);
  const auto part = only_chapter(arguments, usage);
  if (!part) return exit_usage;
  const std::string header = project_root() + "/" + own_header(*part);
  if (!fs::exists(header))
    return complain(exit_failure,
                    "there is no " + own_header(*part) + " yet: labs/lab start " + part->number);
  fs::file_time_type checked = fs::file_time_type::min();
  for (;;) {
    std::error_code error;  // an editor may take the file away for a moment
    const auto saved = fs::last_write_time(header, error);
    if (!error && saved != checked) {
      checked = saved;
      if (is_live()) print("\033[2J\033[H");
      run({course_program(), "check", part->number});
      print(paint(Tone::faint, "  watching " + own_header(*part) + "; Ctrl-C ends it") + "\n");
      if (finish(exit_fine) != exit_fine) return exit_failure;
    }
    usleep(look_every_us);
  }
}

}  // namespace lab
