// command_db.cpp: `labs/lab db`: reads, writes and inspects any database.
#include "commands.hpp"
#include "statistics.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <lsmith/lsmith.hpp>

#include <cstdio>
#include <iostream>

namespace lab {
namespace {

constexpr std::string_view db_usage =
    "usage: labs/lab db COMMAND …\n\n"
    "  put DB KEY VALUE [--sync]      writes one entry; creates the database when it is not there\n"
    "  get DB KEY                     prints the value; exit code 1 when there is none\n"
    "  del DB KEY… [--sync]           erases keys\n"
    "  scan DB [--from K] [--to K] [--prefix P] [--limit N] [--reverse] [--keys]\n"
    "                                 prints entries in order, from K on and up to the other K, "
    "which\n"
    "                                 is left out, one `key TAB value` a line\n"
    "  load DB [--json|--tabs] [--keep-going] [--sync]\n"
    "                                 reads `key TAB value` or {\"key\": …, \"value\": …} lines "
    "from\n"
    "                                 standard input; a line that begins with { is JSON unless "
    "--tabs\n"
    "  dump FILE [--full]             any file of a database as text, byte by byte; "
    "book/format.md\n"
    "                                 says what the fields mean; --full: values are not cut\n"
    "  check DB                       reads everything and prints every violation\n"
    "  stats DB                       levels, sizes, amplification\n"
    "  compact DB [FROM [TO]]         merges what lies from FROM to TO, both included\n\n"
    "Keys and values are bytes; as text they are written with \\xNN \\n \\r \\t \\\\ (but in "
    "JSON), and\n"
    "printed so. Only put and load create a database. A word -- ends the options.\n";

int misused(std::string_view why) {
  complain(exit_usage, std::string(why) + "\n");
  std::fwrite(db_usage.data(), 1, db_usage.size(), stderr);
  return exit_usage;
}

int failed(const lsmith::Status& status) {
  return complain(exit_failure, status.to_string());
}

enum class Access { read, write, create };

lsmith::Result<lsmith::Db> open(const std::string& folder, Access access) {
  lsmith::Options options;
  options.create_if_missing = access == Access::create;
  options.read_only = access == Access::read;
  return lsmith::Db::open(folder, options);
}

lsmith::Durability durability_of(bool sync) {
  return sync ? lsmith::Durability::power : lsmith::Durability::process;
}

// The words as bytes; the first that can not be read is in `bad`.
std::vector<std::string> as_bytes_all(const std::vector<std::string>& words, std::string& bad) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto bytes = unescape(words[i]);
    if (!bytes && bad.empty()) bad = words[i];
    all.push_back(bytes.value_or(""));
  }
  return all;
}

int close_after(lsmith::Db& db, const lsmith::Status& status) {
  if (!status.ok()) return failed(status);
  if (lsmith::Status s = db.close(); !s.ok()) return failed(s);
  return finish(exit_fine);
}

// ---- put, get, del

int put(Arguments& arguments) {
  const bool sync = arguments.flag("--sync");
  const auto& words = arguments.words();
  if (!arguments.error().empty()) return misused(arguments.error());
  if (words.size() != 3) return misused("put needs DB KEY VALUE");
  std::string bad;
  const auto bytes = as_bytes_all({words[1], words[2]}, bad);
  if (!bad.empty()) return misused("a backslash begins no escape in " + bad);
  auto db = open(words[0], Access::create);
  if (!db.ok()) return failed(db.status());
  return close_after(*db, db->put(bytes[0], bytes[1], durability_of(sync)));
}

int get(Arguments& arguments) {
  const auto& words = arguments.words();
  if (!arguments.error().empty()) return misused(arguments.error());
  if (words.size() != 2) return misused("get needs DB KEY");
  const auto key = unescape(words[1]);
  if (!key) return misused("a backslash begins no escape in " + words[1]);
  auto db = open(words[0], Access::read);
  if (!db.ok()) return failed(db.status());
  const auto value = db->get(*key);
  if (!value.ok()) return failed(value.status());
  if (!*value) return complain(exit_failure, "there is no key " + quote(*key, 200));
  print(escape(**value) + "\n");
  return finish(exit_fine);
}

int del(Arguments& arguments) {
  const bool sync = arguments.flag("--sync");
  const auto& words = arguments.words();
  if (!arguments.error().empty()) return misused(arguments.error());
  if (words.size() < 2) return misused("del needs DB KEY…");
  std::string bad;
  const auto keys = as_bytes_all({words.begin() + 1, words.end()}, bad);
  if (!bad.empty()) return misused("a backslash begins no escape in " + bad);
  lsmith::WriteBatch batch;
  for (const std::string& key : keys)
    batch.erase(key);
  auto db = open(words[0], Access::write);
  if (!db.ok()) return failed(db.status());
  return close_after(*db, db->write(batch, durability_of(sync)));
}

// ---- scan

struct ScanChoice {
  std::optional<std::string> from, to;
  std::uint64_t limit = ~std::uint64_t{0};
  bool is_reverse = false;
  bool keys_only = false;
};

int print_scan(lsmith::Db& db, const ScanChoice& choice) {
  lsmith::Scan scan = db.scan(choice.from, choice.to);
  lsmith::UserCursor& cursor = scan.cursor();
  choice.is_reverse ? cursor.seek_to_last() : cursor.seek_to_first();
  for (std::uint64_t count = 0; cursor.is_valid() && count < choice.limit; ++count) {
    print(escape(cursor.key()) + (choice.keys_only ? "" : "\t" + escape(cursor.value())) + "\n");
    choice.is_reverse ? cursor.prev() : cursor.next();
  }
  if (lsmith::Status s = scan.status(); !s.ok()) return failed(s);
  return finish(exit_fine);
}

// Narrows the bounds to keys that begin with `prefix`.
void narrow(ScanChoice& choice, const std::string& prefix) {
  if (!choice.from || *choice.from < prefix) choice.from = prefix;
  const auto end = lsmith::prefix_end(prefix);
  if (end && (!choice.to || *end < *choice.to)) choice.to = end;
}

int scan(Arguments& arguments) {
  ScanChoice choice;
  choice.is_reverse = arguments.flag("--reverse");
  choice.keys_only = arguments.flag("--keys");
  const auto from = arguments.option("--from");
  const auto to = arguments.option("--to");
  const auto prefix = arguments.option("--prefix");
  const auto limit = arguments.option("--limit");
  const auto& words = arguments.words();
  if (!arguments.error().empty()) return misused(arguments.error());
  if (words.size() != 1) return misused("scan needs DB");
  if (limit && !parse_number(*limit)) return misused("--limit needs a number");
  if (limit) choice.limit = *parse_number(*limit);
  std::string bad;
  const auto bytes = as_bytes_all({from.value_or(""), to.value_or(""), prefix.value_or("")}, bad);
  if (!bad.empty()) return misused("a backslash begins no escape in " + bad);
  if (from) choice.from = bytes[0];
  if (to) choice.to = bytes[1];
  if (prefix) narrow(choice, bytes[2]);
  auto db = open(words[0], Access::read);
  if (!db.ok()) return failed(db.status());
  return print_scan(*db, choice);
}

// ---- load

// Gathers records into batches and counts what is in the database.
class Loader {
 public:
  Loader(lsmith::Db& db, bool sync) : db_(db), sync_(sync) {}

  // Ok, or why the record can not be stored at all.
  lsmith::Status add(const Record& record) {
    lsmith::WriteBatch one;
    one.put(record.key, record.value);
    if (!one.status().ok()) return one.status();
    batch_.append(one);
    return {};
  }
  bool is_full() const { return batch_.count() >= 1000 || batch_.size_bytes() > bytes_max; }
  lsmith::Status flush() {
    if (batch_.is_empty()) return {};
    if (lsmith::Status s = db_.write(batch_, durability_of(sync_)); !s.ok()) return s;
    loaded_ += batch_.count();
    batch_.clear();
    return {};
  }
  std::uint64_t loaded() const { return loaded_; }

 private:
  static constexpr std::size_t bytes_max = std::size_t{4} << 20;

  lsmith::Db& db_;
  bool sync_;
  lsmith::WriteBatch batch_;
  std::uint64_t loaded_ = 0;
};

struct LoadChoice {
  bool is_json = false;
  bool is_tabbed = false;
  bool keeps_going = false;
};

// Reads all lines; `refused` counts those that were malformed. A failure of the database ends it.
lsmith::Status load_lines(Loader& loader, const LoadChoice& choice, std::uint64_t& refused) {
  std::uint64_t number = 0;
  for (std::string line; std::getline(std::cin, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    const bool is_json = choice.is_json || (!choice.is_tabbed && line[0] == '{');
    const Record record = is_json ? parse_json(line) : parse_tabbed(line);
    std::string error = record.error;
    if (error.empty()) error = loader.add(record).message();
    if (!error.empty()) {
      ++refused;
      complain(exit_failure, "line " + std::to_string(number) + ": " + error);
      if (!choice.keeps_going) break;
    }
    if (loader.is_full())
      if (lsmith::Status s = loader.flush(); !s.ok()) return s;
  }
  return loader.flush();
}

int load(Arguments& arguments) {
  LoadChoice choice;
  choice.is_json = arguments.flag("--json");
  choice.is_tabbed = arguments.flag("--tabs");
  choice.keeps_going = arguments.flag("--keep-going");
  const bool sync = arguments.flag("--sync");
  const auto& words = arguments.words();
  if (!arguments.error().empty()) return misused(arguments.error());
  if (words.size() != 1) return misused("load needs DB");
  if (choice.is_json && choice.is_tabbed) return misused("either --json or --tabs");
  auto db = open(words[0], Access::create);
  if (!db.ok()) return failed(db.status());

  std::ios::sync_with_stdio(false);
  Loader loader(*db, sync);
  std::uint64_t refused = 0;
  lsmith::Status status = load_lines(loader, choice, refused);
  if (status.ok() && std::cin.bad())
    status = lsmith::Status(lsmith::Code::io_error, "standard input can not be read");
  print("loaded " + counted(loader.loaded(), "entry", "entries"));
  if (refused > 0) {
    print(choice.keeps_going ? ", refused " + counted(refused, "line", "lines")
                             : ", then stopped (--keep-going reads on)");
  }
  print("\n");
  const int code = close_after(*db, status);
  return code == exit_fine && refused > 0 ? exit_failure : code;
}

// ---- the whole database

int check(Arguments& arguments) {
  const auto& words = arguments.words();
  if (!arguments.error().empty()) return misused(arguments.error());
  if (words.size() != 1) return misused("check needs DB");
  auto db = open(words[0], Access::read);
  if (!db.ok()) return failed(db.status());
  const std::vector<std::string> violations = db->check();
  for (const std::string& violation : violations)
    print(violation + "\n");
  print(violations.empty() ? "all is well\n"
                           : counted(violations.size(), "violation", "violations") + "\n");
  return finish(violations.empty() ? exit_fine : exit_failure);
}

int stats(Arguments& arguments) {
  const auto& words = arguments.words();
  if (!arguments.error().empty()) return misused(arguments.error());
  if (words.size() != 1) return misused("stats needs DB");
  auto db = open(words[0], Access::read);
  if (!db.ok()) return failed(db.status());
  print(level_picture(db->stats()) + "\n" + amplification(db->stats()));
  return finish(exit_fine);
}

int compact(Arguments& arguments) {
  const auto& words = arguments.words();
  if (!arguments.error().empty()) return misused(arguments.error());
  if (words.empty() || words.size() > 3) return misused("compact needs DB [FROM [TO]]");
  std::string bad;
  const auto bounds = as_bytes_all({words.begin() + 1, words.end()}, bad);
  if (!bad.empty()) return misused("a backslash begins no escape in " + bad);
  auto db = open(words[0], Access::write);
  if (!db.ok()) return failed(db.status());
  std::optional<std::string_view> from, to;
  if (bounds.size() > 0) from = bounds[0];
  if (bounds.size() > 1) to = bounds[1];
  if (lsmith::Status s = db->compact(from, to); !s.ok()) return failed(s);
  print(level_picture(db->stats()));
  return close_after(*db, {});
}

int dump(Arguments& arguments) {
  const bool is_full = arguments.flag("--full");
  const auto& words = arguments.words();
  if (!arguments.error().empty()) return misused(arguments.error());
  if (words.size() != 1) return misused("dump needs FILE");
  return finish(dump_file(words[0], is_full));
}

}  // namespace

int run_db(std::vector<std::string> given) {
  const std::string name = given.empty() ? "" : given[0];
  if (name.empty() || name == "help" || name == "--help") {
    print(db_usage);
    return finish(name.empty() ? exit_usage : exit_fine);
  }
  Arguments arguments({given.begin() + 1, given.end()});
  if (arguments.flag("--help")) return print(db_usage), finish(exit_fine);
  if (name == "put") return put(arguments);
  if (name == "get") return get(arguments);
  if (name == "del") return del(arguments);
  if (name == "scan") return scan(arguments);
  if (name == "load") return load(arguments);
  if (name == "dump") return dump(arguments);
  if (name == "check") return check(arguments);
  if (name == "stats") return stats(arguments);
  if (name == "compact") return compact(arguments);
  return misused("there is no command db " + name);
}

}  // namespace lab
