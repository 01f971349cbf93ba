// step_reporter.cpp: the main of a graded executable. Runs its cases and prints one verdict.
//
// The runner asks for one case at a time, by doctest's --first and --last. Every line is `name:
// text`; those of a failure are indented. Lines are flushed before each case, so that after a crash
// or a hang the last `case:` names the culprit. A crash prints `crash:` if it can.
//
//   step: 01.1
//   case: an entry that was added is found
//     done: add "a"@5 put "1"; get "a" at 9
//     expected: "a"@5 put "1"
//     found: nothing
//     hint: …
//     read: book/01-memtable.md#…
//     at: tests/memtable/1_insert_and_get_test.cpp:40
//   cases: 4 of 5
//   verdict: wrong                  or: done · not started · needs 01.1 first · no cases
//   points: 0 of 10
//
// Exit: 0 done, 1 wrong or no cases, 2 not started, 3 needs an earlier step. A stub throws "01.1 is
// not yet written": that is not wrong, it is work to do.
#define DOCTEST_CONFIG_IMPLEMENT
#include "step.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <string>
#include <string_view>

namespace {

struct Result {
  int cases = 0;
  int cases_held = 0;
  bool is_wrong = false;
  bool is_unwritten = false;  // a stub of this very step was met
  std::string needs;          // an earlier step, of which a stub was met
};
Result result;

void print_line(const char* name, std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  std::printf("%s: %s\n", name, line.c_str());
}

// The step named in "01.2 is not yet written"; empty for any other text.
std::string_view unwritten_step(std::string_view text) {
  constexpr std::string_view ending = " is not yet written";
  if (text.size() <= ending.size() || !text.ends_with(ending)) return {};
  return text.substr(0, text.size() - ending.size());
}

class StepReporter final : public doctest::IReporter {
 public:
  explicit StepReporter(const doctest::ContextOptions&) {}

  void test_case_start(const doctest::TestCaseData& data) override {
    case_failed_ = false;
    ++result.cases;
    print_line("case", data.m_name);
    std::fflush(stdout);
  }

  void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
    if (stats.testCaseSuccess && !case_failed_) ++result.cases_held;
  }

  void test_case_exception(const doctest::TestCaseException& thrown) override {
    if (thrown.is_crash) {
      print_line("crash", thrown.error_string.c_str());
      std::fflush(stdout);
      return;
    }
    stopped_by(thrown.error_string.c_str(), nullptr, 0, stopped_contexts());
  }

  void log_assert(const doctest::AssertData& data) override {
    if (!data.m_failed) return;
    if (data.m_threw) {
      stopped_by(data.m_exception.c_str(), data.m_file, data.m_line, active_contexts());
      return;
    }
    std::string done = active_contexts();
    if (done.empty()) done = data.m_test_case->m_name;
    wrong(done, data.m_expr, data.m_decomp.c_str(), {}, data.m_file, data.m_line);
  }

  void log_message(const doctest::MessageData& message) override {
    if (message.m_severity == doctest::assertType::is_warn) return;
    const std::string_view text = message.m_string.c_str();
    const std::string context = active_contexts();
    std::string done = part(text, "done: ");
    if (!context.empty()) done = context + (done.empty() ? "" : "; " + done);
    if (part(text, "expected: ").empty()) {
      wrong(done, "", text, {}, message.m_file, message.m_line);
    } else {
      wrong(done, part(text, "expected: "), part(text, "found: "), part(text, "hint: "),
            message.m_file, message.m_line);
    }
  }

  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

 private:
  // The rest of the line of `text` that begins with `name`.
  static std::string part(std::string_view text, std::string_view name) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const std::string_view line = text.substr(at, end - at);
      if (line.starts_with(name)) return std::string(line.substr(name.size()));
      at = end + 1;
    }
    return {};
  }

  static std::string active_contexts() {
    std::ostringstream text;
    for (int i = 0; i < get_num_active_contexts(); ++i) {
      if (i > 0) text << "; ";
      get_active_contexts()[i]->stringify(&text);
    }
    return text.str();
  }

  static std::string stopped_contexts() {
    std::string text;
    for (int i = get_num_stringified_contexts(); i > 0; --i) {
      if (!text.empty()) text += "; ";
      text += get_stringified_contexts()[i - 1].c_str();
    }
    return text;
  }

  void stopped_by(std::string_view exception, const char* file, int line, std::string_view done) {
    const std::string_view step = unwritten_step(exception);
    if (step.empty()) {
      wrong(done, "no exception", exception, {}, file, line);
    } else if (step == lab::Step::declared->id) {
      result.is_unwritten = true;
    } else if (result.needs.empty() || step < result.needs) {
      result.needs = step;
    }
    case_failed_ = true;
  }

  // The first failure of a case tells most; later ones often only follow from it.
  void wrong(std::string_view done, std::string_view expected, std::string_view found,
             std::string_view hint, const char* file, int line) {
    result.is_wrong = true;
    if (case_failed_) return;
    case_failed_ = true;
    if (!done.empty()) print_line("  done", done);
    if (!expected.empty()) print_line("  expected", expected);
    print_line("  found", found);
    print_line("  hint", hint.empty() ? std::string_view(lab::Step::declared->hint) : hint);
    print_line("  read", lab::Step::declared->read);
    if (file != nullptr) print_line("  at", std::string(file) + ":" + std::to_string(line));
    std::fflush(stdout);
  }

  bool case_failed_ = false;
};

REGISTER_REPORTER("step", 1, StepReporter);

// What comes first must be mended first: an earlier step, then what is wrong, then what is missing.
int print_verdict(const lab::Step& step) {
  int code = 0;
  std::string verdict = "done";
  if (!result.needs.empty()) {
    code = 3;
    verdict = "needs " + result.needs + " first";
  } else if (result.is_wrong) {
    code = 1;
    verdict = "wrong";
  } else if (result.is_unwritten) {
    code = 2;
    verdict = "not started";
  } else if (result.cases_held != result.cases) {
    code = 1;
    verdict = "wrong";
  } else if (result.cases == 0) {
    code = 1;
    verdict = "no cases";
  }
  std::printf("cases: %d of %d\n", result.cases_held, result.cases);
  print_line("verdict", verdict);
  std::printf("points: %d of %d\n", code == 0 ? step.points : 0, step.points);
  std::fflush(stdout);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  if (lab::Step::declared == nullptr) {
    std::puts("error: this executable declares no step");
    return 1;
  }
  doctest::Context context;
  context.setOption("order-by", "file");
  context.applyCommandLine(argc, argv);
  context.addFilter("reporters", "step");
  print_line("step", lab::Step::declared->id);
  context.run();
  return print_verdict(*lab::Step::declared);
}
