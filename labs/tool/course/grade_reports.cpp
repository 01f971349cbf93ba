// grade_reports.cpp: grades as XML and JSON. What a submission printed may be any bytes.
#include "grade_reports.hpp"

#include "terminal.hpp"
#include "text.hpp"
#include "verdicts.hpp"

#include <string_view>

namespace lab {
namespace {

// Any bytes as printable text; lines stay.
std::string printable(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    text += escape(bytes.substr(0, end));
    if (end == bytes.npos) break;
    text += '\n';
    bytes.remove_prefix(end + 1);
  }
  return text;
}

std::string xml(std::string_view bytes) {
  std::string text;
  for (const char c : printable(bytes)) {
    if (c == '&') {
      text += "&amp;";
    } else if (c == '<') {
      text += "&lt;";
    } else if (c == '>') {
      text += "&gt;";
    } else if (c == '"') {
      text += "&quot;";
    } else {
      text += c;
    }
  }
  return text;
}

std::string json(std::string_view bytes) {
  std::string text = "\"";
  for (const char c : printable(bytes)) {
    if (c == '"' || c == '\\') text += '\\';
    if (c == '\n')
      text += "\\n";
    else
      text += c;
  }
  return text + "\"";
}

std::string testcase(const Case& each) {
  std::string text = "    <testcase name=\"" + xml(each.name) + "\"";
  if (each.verdict == Verdict::done) return text + "/>\n";
  if (!each.is_failure()) return text + "><skipped/></testcase>\n";
  std::string story = each.why;
  for (const auto& [name, line] : each.lines)
    story += (story.empty() ? "" : "\n") + name + ": " + line;
  return text + "><failure>" + xml(story) + "</failure></testcase>\n";
}

}  // namespace

int Submission::points() const {
  int sum = 0;
  for (const Step& step : steps)
    sum += step.points;
  return sum;
}

int Submission::points_max() const {
  int sum = 0;
  for (const Step& step : steps)
    sum += step.points_max;
  return sum;
}

std::string as_junit(const std::vector<Submission>& submissions) {
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const Submission& submission : submissions) {
    for (const Step& step : submission.steps) {
      text += "  <testsuite name=\"" + xml(submission.name + " " + step.id) + "\">\n";
      for (const Case& each : step.cases)
        text += testcase(each);
      if (step.cases.empty())
        text += "    <testcase name=\"" + xml(step.id) + "\"><error>" + xml(step.why) +
                "</error></testcase>\n";
      text += "  </testsuite>\n";
    }
  }
  return text + "</testsuites>\n";
}

std::string as_gradescope(const Submission& submission) {
  std::string text = "{\n  \"score\": " + std::to_string(submission.points()) +
                     ",\n  \"execution_time\": " + as_decimal(submission.seconds, 1) +
                     ",\n  \"output_format\": \"text\",\n  \"tests\": [";
  const char* comma = "\n";
  for (const Step& step : submission.steps) {
    const std::string story = story_of(step);
    text += comma;
    text += "    {\"number\": " + json(step.id) + ", \"name\": " + json(title_of(step)) +
            ", \"score\": " + std::to_string(step.points) +
            ", \"max_score\": " + std::to_string(step.points_max) + ", \"status\": \"" +
            (step.verdict == Verdict::done ? "passed" : "failed") +
            "\", \"output_format\": \"text\", \"output\": " +
            json(words_of(step) + (story.empty() ? "" : "\n" + story)) + "}";
    comma = ",\n";
  }
  return text + "\n  ]\n}\n";
}

}  // namespace lab
