// halves.cpp: finds the functions at the outer level, and cuts.
#include "halves.hpp"

#include "contract.hpp"
#include "source_text.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string_view>
#include <vector>

namespace lab {
namespace {

// What stands at the outer level, or in a namespace.
struct Piece {
  enum class Kind { function, member, type, other };
  Kind kind = Kind::other;
  std::string name;  // of a function that is no member, and of a type
  std::size_t begin = 0;
  std::size_t body = 0;  // the brace of a function's body
  std::size_t end = 0;
};

// Finds the pieces of code in which literals and comments are blank.
class Outline {
 public:
  explicit Outline(const std::string& code) : code_(code) {
    while (next()) {
    }
  }
  std::vector<Piece> pieces;

 private:
  // Takes a piece, enters a namespace or leaves one; false at the end.
  bool next() {
    at_ = code_.find_first_not_of(" \n\t;}", at_);
    if (at_ == code_.npos) return false;
    Piece piece;
    piece.begin = at_;
    std::size_t open = code_.npos;  // the parameters' parenthesis
    bool has_initializers = false, is_value = false;
    for (; at_ < code_.size(); ++at_) {
      const char c = code_[at_];
      if (c == ';') break;
      if (c == '=' && open == code_.npos) is_value = gives_value(piece.begin);
      if (c == '(' && open == code_.npos) open = at_;
      if (c == ':' && open != code_.npos) has_initializers = true;
      if (c == '{') {
        if (enters_namespace(piece.begin)) return true;
        const bool goes_on = is_value ||
                             begins_type(code_.substr(piece.begin, at_ - piece.begin)) ||
                             (has_initializers && follows_name());
        if (!goes_on) {
          if (open != code_.npos) piece.body = at_;
          at_ = end_of_group(at_) - 1;
          break;
        }
      }
      if (c == '{' || c == '(' || c == '[') at_ = end_of_group(at_) - 1;
    }
    at_ = std::min(at_ + 1, code_.size());
    piece.end = at_;
    if (open != code_.npos && (piece.body > 0 || is_defaulted(piece)))
      name_function(piece, open);
    else if (piece.body == 0)
      name_type(piece);
    pieces.push_back(std::move(piece));
    return true;
  }

  std::vector<std::string> head_of(std::size_t begin) const {
    return words_of(std::string_view(code_).substr(begin, at_ - begin));
  }

  bool enters_namespace(std::size_t begin) {
    const std::vector<std::string> head = head_of(begin);
    const bool enters = head.size() > 1 && head[0] == "namespace";
    at_ += enters;
    return enters;
  }

  // Whether a "=" gives a value, and is not an operator's name or in a template's parameters.
  bool gives_value(std::size_t begin) const {
    const std::vector<std::string> head = head_of(begin);
    return head.empty() || (head.back() != "operator" && head.front() != "template");
  }

  // Whether a name stands before the brace: of a member that it initializes.
  bool follows_name() const {
    const char before = code_[code_.find_last_not_of(" \n\t", at_ - 1)];
    return is_word(before) || before == '>';
  }

  static bool begins_type(std::string_view text) {
    static const std::set<std::string> types = {"class", "struct", "enum", "union"};
    const std::vector<std::string> words = words_of(text.substr(0, text.find_first_of(" {") + 1));
    return !words.empty() && types.count(words[0]) > 0;
  }

  // Behind the bracket that closes the one at `at`.
  std::size_t end_of_group(std::size_t at) const {
    int depth = 0;
    for (; at < code_.size(); ++at) {
      const char c = code_[at];
      depth += c == '{' || c == '(' || c == '[';
      depth -= c == '}' || c == ')' || c == ']';
      if (depth == 0) return at + 1;
    }
    return at;
  }

  bool is_defaulted(const Piece& piece) const {
    const auto words = words_of(code_.substr(piece.begin, piece.end - piece.begin));
    return !words.empty() && words.back() == "default";
  }

  // A function of a kind that can be in another object than who calls it.
  void name_function(Piece& piece, std::size_t open) const {
    static const std::set<std::string> others = {
        "template", "constexpr", "consteval", "static",  "auto",  "friend",
        "decltype", "requires",  "extern",    "typedef", "using", "__attribute__"};
    for (const std::string& word : words_of(code_.substr(piece.begin, open - piece.begin)))
      if (others.count(word) > 0) return;
    std::size_t name = code_.rfind("operator", open);
    const bool is_operator = name != code_.npos && name > piece.begin;
    if (!is_operator)
      for (name = open; name > 0 && (is_word(code_[name - 1]) || code_[name - 1] == '~');)
        --name;
    const bool is_member = name > 0 && code_[name - 1] == ':';
    if (is_operator && !is_member) return;
    piece.kind = is_member ? Piece::Kind::member : Piece::Kind::function;
    piece.name = code_.substr(name, open - name);
  }

  void name_type(Piece& piece) const {
    const std::string_view text(code_.data() + piece.begin, piece.end - piece.begin);
    if (!begins_type(text)) return;
    const auto words = words_of(text);
    const std::size_t name = words.size() > 1 && words[1] == "class" ? 2 : 1;
    if (name >= words.size()) return;
    piece.kind = Piece::Kind::type;
    piece.name = words[name];
  }

  const std::string& code_;
  std::size_t at_ = 0;
};

std::size_t newlines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// What the declarations show of a piece; `text` has no comments.
std::string shown_of(const Piece& piece, const std::string& text) {
  if (piece.kind == Piece::Kind::member) return {};
  if (piece.kind != Piece::Kind::function) return text.substr(piece.begin, piece.end - piece.begin);
  std::string head = text.substr(piece.begin, piece.body - piece.begin);
  head.erase(head.find_last_not_of(" \n\t") + 1);
  if (head.compare(0, 7, "inline ") == 0) head.erase(0, 7);
  return head + ";";
}

// Empties what is shown of helpers that nothing shown mentions. It takes a pass for each that only
// another one mentions: what has too many pieces keeps them.
void hide_helpers(const std::vector<Piece>& pieces, const std::set<std::string>& known,
                  std::vector<std::string>& shown) {
  constexpr std::size_t pieces_max = 500;
  if (pieces.size() > pieces_max) return;
  for (bool has_changed = true; has_changed;) {
    has_changed = false;
    std::vector<std::set<std::string>> mentions;
    for (const std::string& each : shown) {
      const auto words = words_of(each);
      mentions.emplace_back(words.begin(), words.end());
    }
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (shown[i].empty() || pieces[i].name.empty() || known.count(pieces[i].name) > 0) continue;
      bool is_mentioned = false;
      for (std::size_t j = 0; j < pieces.size(); ++j)
        is_mentioned = is_mentioned || (j != i && pieces[j].name != pieces[i].name &&
                                        mentions[j].count(pieces[i].name) > 0);
      if (is_mentioned) continue;
      shown[i].clear();
      has_changed = true;
    }
  }
}

// A function as it is compiled apart from who calls it. Of its two words there is one in the text.
std::string weak_of(const std::string& function) {
  const bool is_inline = function.compare(0, 7, "inline ") == 0;
  return "[[gnu::weak]] " + function.substr(is_inline ? 7 : 0);
}

bool is_apart(const Piece& piece) {
  return piece.kind == Piece::Kind::function || piece.kind == Piece::Kind::member;
}

// A text and what stands in it.
struct Outlined {
  std::string text;
  std::string bare = without_comments(text);
  std::vector<Piece> pieces = Outline(code_of(text)).pieces;

  std::string whole(const Piece& piece) const {
    return text.substr(piece.begin, piece.end - piece.begin);
  }
  // The text, comments left out where it is not a piece, with each piece replaced by the text that
  // `replace` gives for its index; lines stay.
  template <class Replace>
  std::string with(Replace replace) const {
    std::string result;
    std::size_t at = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const std::string old = whole(pieces[i]), own = replace(i);
      result += bare.substr(at, pieces[i].begin - at) + own;
      result.append(newlines_in(old) - newlines_in(own), '\n');
      at = pieces[i].end;
    }
    return result + bare.substr(at);
  }
};

}  // namespace

std::string without_blank_lines(const std::string& text) {
  std::string squeezed;
  for (const Line& line : lines_of(text))
    if (const std::size_t end = line.text.find_last_not_of(' '); end != std::string::npos)
      squeezed += line.text.substr(0, end + 1) + "\n";
  return squeezed;
}

Halves take_apart(const std::string& text, const std::string& contract) {
  const Outlined header{text};
  const auto known = words_of(without_comments(contract));
  std::vector<std::string> shown;
  for (const Piece& piece : header.pieces)
    shown.push_back(shown_of(piece, header.bare));
  hide_helpers(header.pieces, {known.begin(), known.end()}, shown);
  return {header.with([&](std::size_t i) { return shown[i]; }), header.with([&](std::size_t i) {
            const Piece& piece = header.pieces[i];
            return is_apart(piece) ? weak_of(header.whole(piece)) : header.whole(piece);
          })};
}

bool has_own_state(const std::string& text) {
  const Outlined header{text};
  const auto has = [&](std::size_t begin, std::size_t end, const char* word) {
    const auto words = words_of(header.bare.substr(begin, end - begin));
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  // A variable; or a function of which each object has its own, with a variable inside.
  const auto is_state = [&](const Piece& piece) {
    if (piece.kind != Piece::Kind::other) return false;
    const std::size_t head = piece.body > 0 ? piece.body : piece.end;
    if (!has(piece.begin, head, "static") || has(piece.begin, head, "constexpr") ||
        has(piece.begin, head, "consteval"))
      return false;
    return piece.body == 0 || has(piece.body, piece.end, "static");
  };
  if (std::any_of(header.pieces.begin(), header.pieces.end(), is_state)) return true;
  for (std::size_t at = 0; (at = header.bare.find("namespace", at)) != std::string::npos; ++at) {
    const std::size_t next = header.bare.find_first_not_of(" \n\t", at + 9);
    if (next != std::string::npos && header.bare[next] == '{') return true;
  }
  return false;
}

std::optional<Change> change_since(const std::string& before, const std::string& text) {
  const Outlined old{before}, header{text};
  const auto frame_of = [](const Outlined& each) {
    return without_blank_lines(each.with([&](std::size_t i) {
      const Piece& piece = each.pieces[i];
      const std::size_t end = is_apart(piece) && piece.body > 0 ? piece.body : piece.end;
      return each.bare.substr(piece.begin, end - piece.begin);
    }));
  };
  if (frame_of(old) != frame_of(header)) return std::nullopt;
  const auto code_at = [](const Outlined& each, std::size_t i) {
    const Piece& piece = each.pieces[i];
    return without_blank_lines(each.bare.substr(piece.begin, piece.end - piece.begin));
  };
  Change change;
  change.bodies = header.with([&](std::size_t i) {
    const Piece& piece = header.pieces[i];
    if (!is_apart(piece)) return header.whole(piece);
    if (code_at(old, i) == code_at(header, i)) return shown_of(piece, header.bare);
    ++change.changed;
    return weak_of(header.whole(piece));
  });
  return change;
}

// Where the comment begins that stands right above a piece; where the piece begins, if none does.
std::size_t begin_with_comment(const std::string& text, std::size_t begin) {
  while (begin > 1) {
    const std::size_t line = text.rfind('\n', begin - 2) + 1;
    if (text.compare(line, 2, "//") != 0) break;
    begin = line;
  }
  return begin;
}

// Lines of what stands between pieces that belong into a source: namespaces and conditions.
std::string frame_lines(const std::string& text, const std::string& bare, std::size_t begin,
                        std::size_t end) {
  std::string kept;
  const std::vector<Line> lines = lines_of(text.substr(begin, end - begin));
  const std::vector<Line> code = lines_of(bare.substr(begin, end - begin));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool is_blank = code[i].text.find_first_not_of(' ') == std::string::npos;
    const bool is_include = code[i].text.compare(0, 8, "#include") == 0;
    const bool is_pragma = code[i].text.compare(0, 7, "#pragma") == 0;
    if (!is_blank && !is_include && !is_pragma) kept += lines[i].text + "\n";
  }
  return kept;
}

// Without namespaces and conditions that are closed where they are opened.
std::string without_empty_frames(const std::string& text) {
  std::vector<std::string> kept;
  for (const Line& line : lines_of(text)) {
    if (line.text.empty() && !kept.empty() && kept.back().empty()) continue;
    std::size_t last = kept.size();
    while (last > 0 && kept[last - 1].empty())
      --last;
    const std::string opened = last > 0 ? kept[last - 1] : "";
    const bool ends_namespace = line.text.compare(0, 1, "}") == 0;
    const bool ends_condition = line.text.compare(0, 6, "#endif") == 0;
    const bool is_empty = (ends_namespace && opened.compare(0, 10, "namespace ") == 0) ||
                          (ends_condition && opened.compare(0, 3, "#if") == 0);
    if (is_empty)
      kept.resize(last - 1);
    else
      kept.push_back(line.text);
  }
  std::string result;
  for (const std::string& line : kept)
    result += line + "\n";
  return result;
}

Split split(const std::string& text, const std::string& name) {
  const Outlined whole{text};
  std::set<std::string> declarations;
  Split files;
  std::size_t at = 0;
  for (const Piece& piece : whole.pieces) {
    const bool apart = is_apart(piece);
    const std::size_t begin = apart ? begin_with_comment(text, piece.begin) : piece.begin;
    files.header += text.substr(at, begin - at);
    files.source += frame_lines(text, whole.bare, at, begin);
    const std::string shown = without_blank_lines(shown_of(piece, apart ? whole.bare : text));
    const bool is_new = declarations.insert(shown).second;
    if (!apart)
      files.header += text.substr(piece.begin, piece.end - piece.begin);
    else if (piece.kind == Piece::Kind::function && is_new)
      files.header += text.substr(begin, piece.begin - begin) + shown_of(piece, text);
    if (apart) {
      const bool is_inline = text.compare(piece.begin, 7, "inline ") == 0;
      const std::size_t function = piece.begin + (is_inline ? 7 : 0);
      files.source += "\n" + text.substr(begin, piece.begin - begin) +
                      text.substr(function, piece.end - function) + "\n\n";
    }
    at = piece.end;
  }
  files.header = without_empty_frames(files.header + text.substr(at));
  files.source =
      "#include \"" + name + "\"\n\n" +
      without_empty_frames(files.source + frame_lines(text, whole.bare, at, text.size()));
  return files;
}

}  // namespace lab
