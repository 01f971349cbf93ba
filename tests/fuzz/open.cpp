// open.cpp: fuzzes a whole database: its folder is the input. Opening it gives an error that names
// a file and changes nothing, or a database that answers, takes a write, and can be opened again.
//
// How much is asked of the answers depends on who damaged the bytes. Where all checksums are as
// they were, whatever check() passes must answer consistently. Behind forged checksums two levels
// may contradict each other in a way that no reader can see; there the answers need only be
// answers.
#include <lsmith/lsmith.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "archive.hpp"
#include "fault_fs.hpp"
#include "fuzz.hpp"
#include "seal.hpp"
#include "walks.hpp"

namespace lsmith::fuzz {
namespace {

using testing::FaultFs;
using testing::Image;

struct Wishes {
  explicit Wishes(std::uint8_t how)
      : is_read_only((how & 1) != 0),
        is_forged((how & 2) != 0),
        is_mapped((how & 4) != 0),
        lists_backwards((how & 8) != 0),
        compacts((how & 16) != 0),
        is_tiered((how & 32) != 0) {}
  bool is_read_only;
  bool is_forged;
  bool is_mapped;
  bool lists_backwards;
  bool compacts;
  bool is_tiered;
};

// A computer of its own for each life of the database. Its Db goes first.
struct Computer {
  Computer(const Image& image, const Wishes& wishes, std::uint64_t life) : files(image, life) {
    files.has_maps = wishes.is_mapped;
    files.lists_backwards = wishes.lists_backwards;
    options = small_options();
    options.write_buffer_bytes = 8192;
    options.mapped_tables = wishes.is_mapped;
    options.read_only = wishes.is_read_only;
    if (wishes.is_tiered) options.compaction = CompactionStyle::tiered;
    options.file_system = &files;
    options.executor = &executor;
  }
  Result<Db> open() { return Db::open(archive_folder, options); }

  FaultFs files;
  ManualExecutor executor;
  Options options;
};

struct UserRow {
  std::string key;
  std::string value;
  bool operator==(const UserRow&) const = default;
};
struct Answer {
  std::vector<UserRow> rows;
  Status status;
};

// An error must say which file it is about.
void require_failure(const Status& status) {
  require_refusal(status, "");
  for (const char* name : {".sst", ".wal", "MANIFEST-", "CURRENT"})
    if (status.message().find(name) != std::string_view::npos) return;
  require(false, "an error names its file", status.to_string());
}

Answer scan_all(const Db& db, bool is_backward) {
  Answer answer;
  Scan scan = db.scan();
  UserCursor& cursor = scan.cursor();
  is_backward ? cursor.seek_to_last() : cursor.seek_to_first();
  for (; cursor.is_valid(); is_backward ? cursor.prev() : cursor.next())
    answer.rows.push_back({std::string(cursor.key()), std::string(cursor.value())});
  if (is_backward) std::reverse(answer.rows.begin(), answer.rows.end());
  answer.status = scan.status();
  if (!answer.status.ok()) require_failure(answer.status);
  return answer;
}

void get_all(const Db& db, const Answer& answer, bool is_trusted) {
  for (std::size_t i = 0; i < answer.rows.size(); i += 1 + answer.rows.size() / 30) {
    const auto found = db.get(answer.rows[i].key);
    if (!found.ok()) require_failure(found.status());
    if (!is_trusted) continue;
    require(found.ok() && *found == answer.rows[i].value, "a get finds what a scan shows");
    const auto none = db.get(answer.rows[i].key + '\0');
    require(none.ok(), "a get has no error where check() finds none");
  }
}

// All that the database says, once in each way. Nothing when it is damaged, or may be forged.
std::optional<Answer> ask_database(const Db& db, const Wishes& wishes) {
  const Answer forwards = scan_all(db, false);
  const Answer backwards = scan_all(db, true);
  const bool is_trusted = db.check().empty() && !wishes.is_forged;
  get_all(db, forwards, is_trusted);
  if (!is_trusted) return std::nullopt;
  require(forwards.status.ok(), "a scan has no error where check() finds none",
          forwards.status.to_string());
  require(forwards.rows == backwards.rows, "a database reads the same both ways");
  for (std::size_t i = 1; i < forwards.rows.size(); ++i)
    require(forwards.rows[i - 1].key < forwards.rows[i].key, "keys ascend");
  return forwards;
}

// A failed opening removes nothing and changes no file that was there.
void require_untouched(const Image& before, const Image& after, bool is_read_only) {
  if (is_read_only) return require(before == after, "who only reads writes nothing");
  for (const auto& [path, bytes] : before) {
    if (path.ends_with(".tmp")) continue;
    const auto at = after.find(path);
    require(at != after.end() && at->second == bytes, "a failed opening changes nothing", path);
  }
}

// A write, and what else there is to do; whether the write was taken.
bool use_database(Db& db, const Wishes& wishes) {
  const Status written = db.put("key of the target", "its value", Durability::power);
  if (wishes.is_read_only)
    require(written.code() == Code::read_only, "who only reads can not write");
  if (wishes.compacts && !wishes.is_read_only) db.compact().ignore();
  if (written.ok()) {
    const auto found = db.get("key of the target");
    require(found.ok() ? *found == "its value" : true, "what was written is read");
  }
  if (wishes.is_read_only) return false;
  const bool is_well = db.wait_idle().ok();
  require(is_well || !db.health().ok(), "what failed is remembered");
  return written.ok();
}

void add_row(Answer& answer) {
  const UserRow row{"key of the target", "its value"};
  const auto at =
      std::lower_bound(answer.rows.begin(), answer.rows.end(), row,
                       [](const UserRow& a, const UserRow& b) { return a.key < b.key; });
  if (at != answer.rows.end() && at->key == row.key) {
    at->value = row.value;
  } else {
    answer.rows.insert(at, row);
  }
}

// The next life of what the first one left.
void open_again(const Image& image, const Wishes& wishes, const std::optional<Answer>& expected) {
  Computer computer(image, wishes, 2);
  const auto db = computer.open();
  require(db.ok(), "what was opened once opens again", db.status().to_string());
  const auto answer = ask_database(*db, wishes);
  if (!expected) return;
  require(answer.has_value(), "what check() passed it passes again");
  require(answer->rows == expected->rows, "nothing is lost, nothing is new");
}

void live(const Image& image, const Wishes& wishes) {
  Image after_close, after_power_cut;
  std::optional<Answer> answer;
  {
    Computer computer(image, wishes, 1);
    auto db = computer.open();
    if (!db.ok()) {
      require_untouched(image, computer.files.after_kill(), wishes.is_read_only);
      if (db.status().code() != Code::not_found && db.status().code() != Code::invalid_argument)
        require_failure(db.status());
      return;
    }
    answer = ask_database(*db, wishes);
    const bool was_written = use_database(*db, wishes);
    if (answer && was_written) add_row(*answer);
    if (answer && !wishes.is_read_only) require(was_written, "a whole database takes a write");
    after_power_cut = computer.files.after_power_cut();
    db->close().ignore();
    after_close = computer.files.after_kill();
  }
  if (wishes.is_read_only) return require_untouched(image, after_close, true);
  open_again(after_power_cut, wishes, answer);
  open_again(after_close, wishes, answer);
}

void forge(Image& image, std::uint32_t spared) {
  using Type = FileName::Type;
  std::uint64_t database_id = 0;
  for (const auto& [path, bytes] : image)
    if (path.find("/MANIFEST-") != path.npos) database_id = claimed_database(bytes);
  for (auto& [path, bytes] : image) {
    const auto name = parse_file_name(path.substr(path.rfind('/') + 1));
    if (!name) continue;
    if (name->type == Type::table) seal_table(bytes);
    if (name->type == Type::log || name->type == Type::manifest)
      seal_log(bytes, database_id, name->number, spared);
  }
}

}  // namespace

void fuzz_open(std::string_view input) {
  Source source(input);
  const Wishes wishes(source.byte());
  const auto spared = static_cast<std::uint32_t>(source.number(4));
  Image image = unpack(source);
  if (wishes.is_forged) forge(image, spared);
  live(image, wishes);
}

}  // namespace lsmith::fuzz

LSMITH_FUZZ_TARGET(lsmith::fuzz::fuzz_open)
