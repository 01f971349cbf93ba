// assemble.cpp: puts headers in the place of their includes.
#include "assemble.hpp"

#include "contract.hpp"
#include "project.hpp"

#include <set>

namespace lab {
namespace {

class Assembler {
 public:
  explicit Assembler(const std::vector<std::string>& folders) : folders_(folders) {}

  // Adds a header, and before it, at their places, those that it includes. Each one comes once.
  void add(const std::string& header) {
    if (!headers_.insert(header).second) return;
    const auto text = find(header);
    if (!text) {
      if (error_.empty()) error_ = "there is no <" + header + "> in any folder";
      return;
    }
    text_ += "\n// ---- " + header + " ----\n";
    const int depth_outside = depth_;
    for (const Line& line : lines_of(*text))
      add_line(line.text);
    depth_ = depth_outside;
  }

  const std::string& text() const { return text_; }
  const std::string& error() const { return error_; }

 private:
  std::optional<std::string> find(const std::string& header) const {
    for (const std::string& folder : folders_)
      if (auto text = read_text(project_root() + "/" + folder + "/" + header)) return text;
    return std::nullopt;
  }

  void add_line(const std::string& line) {
    if (line == "#pragma once") return;
    if (line.compare(0, 3, "#if") == 0) ++depth_;
    if (line.compare(0, 6, "#endif") == 0) --depth_;
    const std::string name = included_header(line);
    if (name.compare(0, 7, "lsmith/") == 0) return add(name);
    // The same include again is left out, but not where only some machines see the first one.
    if (!name.empty() && depth_ == 0 && !system_.insert(name).second) return;
    text_ += line + "\n";
  }

  const std::vector<std::string>& folders_;
  std::set<std::string> headers_;
  std::set<std::string> system_;
  int depth_ = 0;  // of #if around the line
  std::string text_;
  std::string error_;
};

}  // namespace

std::string assemble(const std::vector<std::string>& folders, std::string& error) {
  Assembler assembler(folders);
  assembler.add("lsmith/lsmith.hpp");
  error = assembler.error();
  if (!error.empty()) return {};
  return "// lsmith.hpp: a storage engine in one header, assembled by `labs/lab assemble`.\n"
         "// Change its parts and assemble it again, rather than this file.\n"
         "#pragma once\n" +
         assembler.text();
}

}  // namespace lab
