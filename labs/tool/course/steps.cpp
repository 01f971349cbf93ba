// steps.cpp: which steps a chapter has, and where a view's component stands.
#include "grading.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace lab {

namespace fs = std::filesystem;

namespace {

// What a step is worth, by its declaration: `const lab::Step step{"01.1", 10, …`.
int points_of(const std::string& source) {
  const std::string text = read_text(project_root() + "/" + source).value_or("");
  const std::size_t declared = text.find("lab::Step ");
  const std::size_t comma = declared == text.npos ? text.npos : text.find(',', declared);
  return comma == text.npos ? 0 : std::atoi(text.c_str() + comma + 1);
}

}  // namespace

std::vector<Step> find_steps(const Part& part) {
  std::vector<Step> steps;
  std::error_code error;
  const std::string folder = "tests/" + part.name;
  for (const auto& entry : fs::directory_iterator(project_root() + "/" + folder, error)) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() != ".cpp" || name.empty() || name[0] < '0' || name[0] > '9')
      continue;
    Step step;
    step.source = folder + "/" + name + ".cpp";
    step.name = name;
    step.points_max = points_of(step.source);
    step.id = part.number + "." + name.substr(0, name.find('_'));
    steps.push_back(std::move(step));
  }
  std::sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) {
    return std::atoi(a.name.c_str()) < std::atoi(b.name.c_str());
  });
  return steps;
}

std::vector<std::string> names_of_cases(const Step& step) {
  const std::string text = read_text(project_root() + "/" + step.source).value_or("");
  std::vector<std::string> names;
  for (std::size_t at = 0; (at = text.find("TEST_CASE(", at)) != text.npos; ++at) {
    const std::size_t quote = text.find('"', at);
    if (quote == text.npos) break;
    names.push_back(text.substr(quote + 1, text.find('"', quote + 1) - quote - 1));
  }
  return names;
}

int find_case(const Step& step, const std::string& name) {
  const std::vector<std::string> names = names_of_cases(step);
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? 0 : static_cast<int>(found - names.begin()) + 1;
}

std::optional<std::string> folder_of(std::string_view view, const Part& part) {
  if (view == "library") return "";
  if (view == "lab") return "labs/" + part.folder;
  if (view == "mine") return "labs/mine/" + part.folder;
  if (view == "solutions") return "solutions/" + part.folder;
  return std::nullopt;
}

std::string Case::line(std::string_view wanted) const {
  for (const auto& [name, text] : lines)
    if (name == wanted) return text;
  return {};
}

bool Case::is_failure() const {
  return verdict == Verdict::wrong || verdict == Verdict::crashed || verdict == Verdict::hangs;
}

}  // namespace lab
