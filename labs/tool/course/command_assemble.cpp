// command_assemble.cpp: `labs/lab assemble` writes an engine as one header, `demo NN` tries one.
#include "assemble.hpp"
#include "commands.hpp"
#include "grading.hpp"
#include "halves.hpp"
#include "process.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace lab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view assemble_usage =
    "usage: labs/lab assemble [--library|--solutions] [--split] [-o FILE]\n\n"
    "Writes your engine as one header: your own parts, and the library's where you have none yet.\n"
    "  --library    the library as it ships\n"
    "  --solutions  the textbook's parts\n"
    "  --split      a header with the declarations and beside it a .cpp with the bodies: compile\n"
    "               that once, and what includes the header compiles several times faster\n"
    "  -o FILE      where to; build/lsmith.hpp if it is not said\n";
constexpr std::string_view demo_usage =
    "usage: labs/lab demo NN\n\n"
    "The engine's demo with your own part NN in it, once all steps of that chapter are done.\n";

// The folders of a view's parts, and whose part each one is.
std::vector<std::string> folders_of(std::string_view view, std::string& parts) {
  std::vector<std::string> folders;
  for (const Part& part : all_parts()) {
    const std::string folder = folder_of(view, part).value_or("");
    const bool is_there =
        !folder.empty() && fs::exists(project_root() + "/" + header_in(folder, part));
    if (is_there) folders.push_back(folder);
    parts += "  " + part.number + "  " + pad(part.name, 14) +
             (is_there ? folder : std::string("include")) + "\n";
  }
  folders.emplace_back("include");
  return folders;
}

// The sources in a folder, from the project's root.
std::vector<std::string> sources_in(const std::string& folder) {
  std::vector<std::string> sources;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(project_root() + "/" + folder, error))
    if (entry.path().extension() == ".cpp")
      sources.push_back(folder + "/" + entry.path().filename().string());
  std::sort(sources.begin(), sources.end());
  return sources;
}

bool write_file(const std::string& what, const std::string& path, const std::string& text) {
  if (!write_text(path, text)) return complain(exit_failure, path + " could not be written"), false;
  const auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  print(what + ": " + path + ", " + counted(lines, "line", "lines") + "\n");
  return true;
}

}  // namespace

int run_assemble(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(assemble_usage), finish(exit_fine);
  const bool is_library = arguments.flag("--library");
  const bool is_textbook = arguments.flag("--solutions");
  const bool is_split = arguments.flag("--split");
  const std::string to = arguments.option("-o").value_or(project_root() + "/build/lsmith.hpp");
  const std::string source = fs::path(to).replace_extension(".cpp").string();
  if (!arguments.words().empty() || !arguments.error().empty() || (is_library && is_textbook))
    return complain(exit_usage, arguments.error() + "\n\n" + std::string(assemble_usage));
  std::string parts, error;
  const char* const view = is_library ? "library" : is_textbook ? "solutions" : "mine";
  const std::string text = assemble(folders_of(view, parts), error);
  if (!error.empty()) return complain(exit_failure, error);
  print(parts);
  if (!is_split) return write_file("one header", to, text) ? finish(exit_fine) : exit_failure;
  const Split files = split(text, fs::path(to).filename().string());
  const bool is_written =
      write_file("declarations", to, files.header) && write_file("bodies", source, files.source);
  return is_written ? finish(exit_fine) : exit_failure;
}

int run_demo(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(demo_usage), finish(exit_fine);
  const auto part = only_chapter(arguments, demo_usage);
  if (!part) return exit_usage;
  if (const auto open = first_open_step(*part))
    return complain(exit_failure,
                    "step " + open->id + " is not done yet: labs/lab check " + part->number);
  const std::string folder = project_root() + "/build/demo-" + part->folder;
  std::string engine;  // its sources as one, as labs/lab compiles them
  for (const std::string& source : sources_in("labs/tool/engine"))
    engine += "#include \"" + project_root() + "/" + source + "\"\n";
  write_text(folder + "/engine.cpp", engine);
  print("building the engine with " + own_header(*part) + "\n");
  std::vector<std::string> words = compiler_words();
  const std::string program = folder + "/lab-engine";
  words.insert(words.end(), {"-std=c++20", "-O2", "-pthread", "-I", "labs/mine/" + part->folder,
                             "-I", "include", "-I", "labs/tool", "-I", "labs/tool/engine",
                             folder + "/engine.cpp", "-o", program});
  for (const std::string& source : sources_in("labs/tool"))
    words.push_back(source);
  if (!run(words, {project_root(), false, 0}).ok())
    return complain(exit_failure, "the engine does not compile with your part");
  setenv("LSMITH_ENGINE", program.c_str(), 1);
  return run({program, "demo"}, {project_root(), false, 0}).exit_code;
}

}  // namespace lab
