// process.cpp: fork, exec, and a watchdog.
#include "process.hpp"

#include "terminal.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <sstream>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lab {
namespace {

void confine() {
  constexpr rlim_t memory_bytes = rlim_t{4} << 30;
  constexpr rlim_t file_bytes = rlim_t{256} << 20;
  for (const auto& [what, most] :
       {std::pair{RLIMIT_AS, memory_bytes}, std::pair{RLIMIT_FSIZE, file_bytes},
        std::pair{RLIMIT_CORE, rlim_t{0}}}) {
    rlimit limit{};
    if (getrlimit(what, &limit) != 0) continue;
    limit.rlim_cur = std::min(limit.rlim_max, most);
    setrlimit(what, &limit);
  }
}

// In the child: becomes the program. `arguments` were made before, since a fork copies one thread
// only.
[[noreturn]] void become(char* const* arguments, const RunOptions& options, int out) {
  if (options.time_limit_ms > 0) setpgid(0, 0);
  if (options.is_confined) confine();
  if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) _exit(127);
  if (out >= 0) {
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
  }
  execvp(arguments[0], arguments);
  constexpr std::string_view message = "labs/lab: a program can not be started: ";
  for (const std::string_view text :
       {message, std::string_view(arguments[0]), std::string_view("\n")})
    if (write(STDERR_FILENO, text.data(), text.size()) < 0) _exit(127);
  _exit(127);
}

// Starts a program; with `is_watched` its output comes out of ends[0]. Negative when it can not.
pid_t start(const std::vector<std::string>& words, const RunOptions& options, bool is_watched,
            int (&ends)[2]) {
  std::vector<char*> arguments;
  for (const std::string& word : words)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  // No other child may inherit the pipe: it would keep it open for as long as it lives.
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::fflush(stdout);
  if (is_watched) {
    if (pipe(ends) != 0) return -1;
    for (const int end : ends)
      fcntl(end, F_SETFD, FD_CLOEXEC);
  }
  const pid_t child = fork();
  if (child == 0) become(arguments.data(), options, ends[1]);
  return child;
}

// Reads what the child writes until it ends or `deadline_ms` passes. False when it passed.
bool drain(int from, std::uint64_t deadline_ms, std::string& output) {
  constexpr std::size_t output_bytes_max = std::size_t{4} << 20;
  char buffer[65536];
  for (;;) {
    const std::uint64_t now = clock_ms();
    if (deadline_ms > 0 && now >= deadline_ms) return false;
    pollfd ready{from, POLLIN, 0};
    const int wait_ms = deadline_ms > 0 ? static_cast<int>(deadline_ms - now) : -1;
    if (poll(&ready, 1, wait_ms) <= 0) continue;
    const ssize_t size = read(from, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return true;
    const std::size_t room = output_bytes_max - std::min(output.size(), output_bytes_max);
    output.append(buffer, std::min(static_cast<std::size_t>(size), room));
  }
}

// Waits for the child's end, not beyond the deadline: a child that closed its output may still
// hang.
bool reap(pid_t child, std::uint64_t deadline_ms, int& state) {
  for (;;) {
    const pid_t ended = waitpid(child, &state, deadline_ms > 0 ? WNOHANG : 0);
    if (ended == child) return true;
    if (ended < 0 && errno != EINTR) return true;
    if (deadline_ms > 0 && clock_ms() >= deadline_ms) return false;
    if (ended == 0) usleep(1000);
  }
}

}  // namespace

Outcome run(const std::vector<std::string>& words, const RunOptions& options) {
  Outcome outcome;
  const bool is_watched = options.keeps_output || options.time_limit_ms > 0;
  int ends[2] = {-1, -1};
  const pid_t child = start(words, options, is_watched, ends);
  if (is_watched) close(ends[1]);
  if (child < 0) return outcome;
  const auto limit_ms = static_cast<std::uint64_t>(options.time_limit_ms);
  const std::uint64_t deadline_ms = limit_ms > 0 ? clock_ms() + limit_ms : 0;
  int state = 0;
  if (is_watched) outcome.timed_out = !drain(ends[0], deadline_ms, outcome.output);
  if (!outcome.timed_out) outcome.timed_out = !reap(child, deadline_ms, state);
  if (outcome.timed_out) {
    kill(-child, SIGKILL);
    reap(child, 0, state);
  }
  if (is_watched) close(ends[0]);
  if (WIFEXITED(state)) outcome.exit_code = WEXITSTATUS(state);
  if (WIFSIGNALED(state)) outcome.signal = WTERMSIG(state);
  if (!options.keeps_output) std::fwrite(outcome.output.data(), 1, outcome.output.size(), stdout);
  return outcome;
}

void start_detached(const std::vector<std::string>& words, const std::string& output) {
  std::vector<char*> arguments;
  for (const std::string& word : words)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::fflush(stdout);
  const pid_t child = fork();
  if (child > 0) waitpid(child, nullptr, 0);
  if (child != 0) return;
  // A grandchild has nobody to wait for it, so it leaves no zombie.
  setsid();
  if (fork() != 0) _exit(0);
  const int out = open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (out >= 0) become(arguments.data(), {}, out);
  _exit(127);
}

bool has_program(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (access((folder + "/" + name).c_str(), X_OK) == 0) return true;
  return false;
}

int processor_count() {
  const long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? static_cast<int>(count) : 2;
}

}  // namespace lab
