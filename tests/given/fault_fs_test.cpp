// fault_fs_test.cpp: the files that fail on demand keep their own rules, or no test that uses them
// means anything.
#include "../fault_fs.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace lsmith;
using namespace lsmith::testing;

namespace {

constexpr Wreck wrecks[] = {Wreck::durable, Wreck::now,   Wreck::prefix,
                            Wreck::sectors, Wreck::torn,  Wreck::across,
                            Wreck::names,   Wreck::empty, Wreck::rubbish};
static_assert(std::size(wrecks) == wreck_count);

struct Files : FaultFs {
  explicit Files(const Image& image = {}) : FaultFs(image, 1) {
    REQUIRE(create_folder("/db").ok());
  }
  std::unique_ptr<WritableFile> make(const std::string& path, std::string_view bytes) {
    auto file = create(path);
    REQUIRE(file.ok());
    REQUIRE((*file)->append(bytes).ok());
    return std::move(*file);
  }
};

// All contents of a file that a power cut may leave; "(none)" when it is not there.
std::set<std::string> left_by(const Files& files, Wreck kind, const std::string& path) {
  Random random(1);
  std::set<std::string> left;
  for (int i = 0; i < 300; ++i) {
    const Image image = files.wreck(kind, random);
    const auto at = image.find(path);
    left.insert(at == image.end() ? "(none)" : at->second);
  }
  return left;
}

// A few calls of every kind.
std::uint64_t trace_of(std::string_view bytes) {
  Files files;
  auto file = files.make("/db/a", bytes);
  REQUIRE(file->sync().ok());
  REQUIRE(files.sync_dir("/db").ok());
  REQUIRE(files.rename("/db/a", "/db/b").ok());
  return files.trace();
}

}  // namespace

TEST_SUITE("fault_fs") {
  TEST_CASE("bytes are durable by sync, names by sync_dir, and neither by the other") {
    Files files;
    const auto file = files.make("/db/a", "one");
    CHECK(files.after_kill().at("/db/a") == "one");
    CHECK(files.after_power_cut().empty());
    REQUIRE(file->sync().ok());
    CHECK(files.after_power_cut().empty());
    CHECK_FALSE(files.is_durable("/db/a"));
    REQUIRE(files.sync_dir("/db").ok());
    CHECK(files.is_durable("/db/a"));
    REQUIRE(file->append(" two").ok());
    REQUIRE(files.sync_dir("/db").ok());
    CHECK(files.after_power_cut().at("/db/a") == "one");
    REQUIRE(files.rename("/db/a", "/db/b").ok());
    CHECK(files.after_power_cut().count("/db/a") == 1);
    REQUIRE(files.sync_dir("/db").ok());
    CHECK(files.after_power_cut() == Image{{"/db/b", "one"}});
    REQUIRE(files.remove("/db/b").ok());
    CHECK(files.after_kill().empty());
    CHECK(files.after_power_cut().size() == 1);
    REQUIRE(file->sync().ok());  // its name is gone, the handle is not
  }

  TEST_CASE("what was durable is in every wreck, and nothing is in it that was never written") {
    Files files(Image{{"/db/old", "old"}});
    const auto file = files.make("/db/new", std::string(2000, 'n'));
    REQUIRE(file->sync().ok());
    REQUIRE(files.sync_dir("/db").ok());
    REQUIRE(file->append(std::string(1000, 'm')).ok());
    Random random(7);
    for (const Wreck kind : wrecks) {
      for (int i = 0; i < 100; ++i) {
        const Image image = files.wreck(kind, random);
        INFO(std::string(name_of(kind)));
        CHECK(image.at("/db/old") == "old");
        CHECK(image.at("/db/new").substr(0, 2000) == std::string(2000, 'n'));
        CHECK(image.at("/db/new").size() <= 3000);
      }
    }
  }

  TEST_CASE("each kind of wreck leaves what its name says") {
    Files files(Image{{"/db/a", "AAAA"}});
    const std::string more(1024, 'm');
    auto log = files.create_log("/db/log", 0);
    REQUIRE(log.ok());
    REQUIRE((*log)->sync().ok());
    REQUIRE(files.sync_dir("/db").ok());
    REQUIRE((*log)->write(0, "first", false).ok());
    REQUIRE((*log)->write(5, more, false).ok());
    REQUIRE(files.rename("/db/a", "/db/b").ok());
    const auto made = files.make("/db/c", "CCCC");

    CHECK(left_by(files, Wreck::durable, "/db/log") == std::set<std::string>{""});
    CHECK(left_by(files, Wreck::now, "/db/log") == std::set<std::string>{"first" + more});
    for (const std::string& left : left_by(files, Wreck::prefix, "/db/log"))
      CHECK(("first" + more).starts_with(left));
    CHECK(left_by(files, Wreck::prefix, "/db/log").size() > 50);
    bool has_hole = false, has_pattern = false, is_shorter = false;
    for (const std::string& left : left_by(files, Wreck::sectors, "/db/log")) {
      has_hole |= left.find('\0') != left.npos;
      has_pattern |= left.find('\xa5') != left.npos;
      is_shorter |= left.size() < 5 + more.size();
      CHECK((left.size() <= 5 || left.substr(0, 5) == "first" || left[0] == '\0' ||
             left[0] == '\xa5' || left[0] == '/'));
    }
    CHECK(has_hole);
    CHECK(has_pattern);
    CHECK(is_shorter);
    CHECK(left_by(files, Wreck::names, "/db/b") == std::set<std::string>{"(none)", "AAAA"});
    CHECK(left_by(files, Wreck::names, "/db/c") == std::set<std::string>{"(none)", "CCCC"});
    CHECK(left_by(files, Wreck::empty, "/db/c") == std::set<std::string>{"", "CCCC"});
    CHECK(left_by(files, Wreck::across, "/db/a") == std::set<std::string>{"(none)", "AAAA"});
    CHECK(left_by(files, Wreck::rubbish, "/db/c").size() > 100);
  }

  TEST_CASE("a rename is there or not, never half of it") {
    Files files(Image{{"/db/a", "A"}, {"/db/b", "B"}});
    REQUIRE(files.rename("/db/a", "/db/b").ok());
    Random random(3);
    for (const Wreck kind : wrecks) {
      const Image image = files.wreck(kind, random);
      CHECK((image == Image{{"/db/a", "A"}, {"/db/b", "B"}} || image == Image{{"/db/b", "A"}}));
    }
  }

  TEST_CASE("a removed file may come back, in name or in what another finds on the disk") {
    Files files(Image{{"/db/a", std::string(4096, 'S')}});
    REQUIRE(files.remove("/db/a").ok());
    CHECK(left_by(files, Wreck::names, "/db/a") ==
          std::set<std::string>{"(none)", std::string(4096, 'S')});
    const auto file = files.make("/db/b", std::string(4096, 'b'));
    REQUIRE(files.sync_dir("/db").ok());
    bool has_stale = false;
    for (const std::string& left : left_by(files, Wreck::sectors, "/db/b"))
      has_stale |= left.find('S') != left.npos;
    CHECK(has_stale);
  }

  TEST_CASE("a file that is emptied and written anew may be the old one again") {
    Files files(Image{{"/db/a", "old content"}});
    const auto file = files.make("/db/a", "new");
    CHECK(files.after_kill().at("/db/a") == "new");
    CHECK(files.after_power_cut().at("/db/a") == "old content");
    CHECK(left_by(files, Wreck::sectors, "/db/a").count("old content") == 1);
    CHECK(left_by(files, Wreck::sectors, "/db/a").count("new content") == 0);
  }

  TEST_CASE("a process killed in a write leaves a part of that write and all before it") {
    Files files;
    const auto file = files.make("/db/a", "whole");
    REQUIRE(file->append("part").ok());
    Random random(1);
    std::set<std::string> left;
    for (int i = 0; i < 100; ++i)
      left.insert(files.after_kill_in_write("/db/a", random).at("/db/a"));
    CHECK(left == std::set<std::string>{"whole", "wholep", "wholepa", "wholepar", "wholepart"});
  }

  TEST_CASE("the n-th call fails, once or for ever, and does as much as it was told") {
    for (const Effect effect : {Effect::nothing, Effect::part, Effect::all}) {
      Files files;
      const auto file = files.make("/db/a", "1234");
      files.fail(Call::append, 2, false, effect);
      CHECK(file->append("5678").ok());
      const Status failed = file->append("abcd");
      CHECK(failed.code() == Code::io_error);
      CHECK(files.has_failed());
      const std::string expected = effect == Effect::nothing ? ""
                                   : effect == Effect::part  ? "ab"
                                                             : "abcd";
      CHECK(files.after_kill().at("/db/a") == "12345678" + expected);
      CHECK(files.retries() == 0);
      CHECK(file->append("e").to_string() == failed.to_string());  // poisoned
      CHECK(file->sync().to_string() == failed.to_string());
      CHECK(files.retries() == 2);
      CHECK(files.make("/db/b", "1")->append("2").ok());
    }
    Files files;
    files.fail(Call::create, 1, true);
    CHECK_FALSE(files.create("/db/a").ok());
    CHECK_FALSE(files.create("/db/a").ok());
    CHECK(files.after_kill().empty());
    files.heal();
    CHECK(files.create("/db/a").ok());
    files.fail(Call::rename, 1, false, Effect::all);
    CHECK_FALSE(files.rename("/db/a", "/db/b").ok());
    CHECK(files.after_kill().count("/db/b") == 1);
  }

  TEST_CASE("a sync that failed wrote all, or none, or lost what it was to write") {
    const auto left = [](Effect effect, bool cuts_power) {
      Files files;
      const auto file = files.make("/db/a", "kept");
      REQUIRE(file->sync().ok());
      REQUIRE(files.sync_dir("/db").ok());
      REQUIRE(file->append("+").ok());
      files.fail(Call::sync, 1, false, effect);
      CHECK_FALSE(file->sync().ok());
      return (cuts_power ? files.after_power_cut() : files.after_kill()).at("/db/a");
    };
    CHECK(left(Effect::all, true) == "kept+");
    CHECK(left(Effect::part, true) == "kept");
    CHECK(left(Effect::part, false) == "kept+");
    CHECK(left(Effect::nothing, false) == "kept");
  }

  TEST_CASE(
      "what a failed sync marked clean no later sync writes, though it says that all is well") {
    Files files;
    auto log = files.create_log("/db/1", 0);
    REQUIRE(log.ok());
    REQUIRE(files.sync_dir("/db").ok());
    REQUIRE((*log)->write(0, "lost", false).ok());
    files.fail(Call::log_sync, 1, false);
    CHECK_FALSE((*log)->sync().ok());
    auto again = files.reuse_log("/db/1", "/db/2");
    REQUIRE(again.ok());
    REQUIRE((*again)->write(4, "kept", false).ok());
    REQUIRE((*again)->sync().ok());
    REQUIRE(files.sync_dir("/db").ok());
    CHECK(files.after_kill().at("/db/2") == "lostkept");
    CHECK(files.after_power_cut().at("/db/2") == std::string("\0\0\0\0kept", 8));
    CHECK_FALSE(files.is_durable("/db/2"));
  }

  TEST_CASE("space ends where it was told to, in the middle of a write, and comes back") {
    Files files;
    files.limit_space(6);
    const auto file = files.make("/db/a", "1234");
    CHECK(file->append("5678").code() == Code::no_space);
    CHECK(files.after_kill().at("/db/a") == "123456");
    CHECK(files.create_log("/db/log", 1).status().code() == Code::no_space);
    REQUIRE(files.remove("/db/a").ok());
    CHECK(files.create_log("/db/log", 6).ok());
  }

  TEST_CASE("a log keeps its bytes when it is reused, and its capacity") {
    Files files;
    auto log = files.create_log("/db/1", 16);
    REQUIRE(log.ok());
    CHECK((*log)->capacity_bytes() == 16);
    REQUIRE((*log)->write(4, "abcd", false).ok());
    auto again = files.reuse_log("/db/1", "/db/2");
    REQUIRE(again.ok());
    CHECK((*again)->capacity_bytes() == 16);
    CHECK(files.after_kill().at("/db/2") == std::string("\0\0\0\0abcd\0\0\0\0\0\0\0\0", 16));
    CHECK(files.after_kill().count("/db/1") == 0);
  }

  TEST_CASE("locks exclude each other, and go with who holds them") {
    Files files;
    CHECK(files.lock("/db/LOCK", false).status().code() == Code::not_found);
    auto one = files.lock("/db/LOCK", true);
    REQUIRE(one.ok());
    CHECK(files.lock("/db/LOCK", true).status().code() == Code::busy);
    CHECK(files.lock("/db/LOCK", false).status().code() == Code::busy);
    one->reset();
    auto shared = files.lock("/db/LOCK", false), other = files.lock("/db/LOCK", false);
    CHECK(other.ok());
    CHECK(files.lock("/db/LOCK", true).status().code() == Code::busy);
  }

  TEST_CASE("the same calls leave the same trace, others another") {
    CHECK(trace_of("abc") == trace_of("abc"));
    CHECK(trace_of("abc") != trace_of("abd"));
    Files one, other;
    CHECK(one.entropy() == other.entropy());
    CHECK(one.entropy() != FaultFs({}, 2).entropy());
  }
}
