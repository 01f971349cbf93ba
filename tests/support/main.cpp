// main.cpp: doctest's runner, compiled once and linked into every test executable, and a watchdog:
// a case that hangs is named and ends the run, where a time limit from outside would name none.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

namespace {

#ifndef LSMITH_CASE_SECONDS
#define LSMITH_CASE_SECONDS 240  // a hundred times what the longest case takes
#endif
const char* case_name = "";

// Only what a signal handler may call. A default SIGABRT follows: it leaves a core where one is
// wanted.
extern "C" void end_hung_case(int) {
  const char* const parts[] = {"\nThis test case hangs: ", case_name, "\n"};
  for (const char* part : parts)
    if (::write(STDERR_FILENO, part, std::strlen(part)) < 0) break;
  std::abort();
}

class Watchdog final : public doctest::IReporter {
 public:
  explicit Watchdog(const doctest::ContextOptions&) { std::signal(SIGALRM, end_hung_case); }
  void test_case_start(const doctest::TestCaseData& data) override {
    case_name = data.m_name;
    ::alarm(LSMITH_CASE_SECONDS);
  }
  void test_case_end(const doctest::CurrentTestCaseStats&) override { ::alarm(0); }

  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

REGISTER_LISTENER("watchdog", 1, Watchdog);

}  // namespace
