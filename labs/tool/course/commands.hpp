// commands.hpp: the commands of the course's program, and what several of them need.
#pragma once

#include "command.hpp"
#include "grading.hpp"
#include "project.hpp"

namespace lab {

int run_assemble(std::vector<std::string> given);
int run_bench(std::vector<std::string> given);
int run_check(std::vector<std::string> given);
int run_demo(std::vector<std::string> given);
int run_grade(std::vector<std::string> given);
int run_hint(std::vector<std::string> given);
int run_map(std::vector<std::string> given);
int run_parts(std::vector<std::string> given);
int run_replay(std::vector<std::string> given);
int run_reset(std::vector<std::string> given);
int run_reveal(std::vector<std::string> given);
int run_scaling(std::vector<std::string> given);
int run_start(std::vector<std::string> given);
int run_test(std::vector<std::string> given);
int run_torture(std::vector<std::string> words);
int run_use(std::vector<std::string> given);
int run_verify(std::vector<std::string> given);
int run_watch(std::vector<std::string> given);

/// Says that there is no such chapter, and which there are.
int no_such_chapter(const std::string& name);
/// The chapter that a command's only word names; nothing, after a complaint, when it names none.
std::optional<Part> only_chapter(Arguments& arguments, std::string_view usage);
/// Copies a chapter's lab to labs/mine. Requires that it is not there.
bool copy_lab(const Part& part);
/// What the other parts are when the student's own part is checked: the folders that `use` chose.
std::vector<std::string> chosen_folders(const Part& part);
/// The first step of a chapter that the student has not done, as the last check saw it.
std::optional<Step> first_open_step(const Part& part);
/// The student's own header of a part, from the project's root.
std::string own_header(const Part& part);

}  // namespace lab
