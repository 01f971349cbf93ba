// handed_in.hpp: what a header that was handed in must not be, and what it must not have done.
//
// A header is compiled and run where the course is. So it is looked at before: it must be a file of
// its own, and bring in neither the component that it is to replace nor anything else of the
// course but what all components share. And the course is looked at behind it: whoever changed it
// may have changed the grades of others. Neither stops somebody who wants to deceive and knows how;
// `labs/lab grade --help` says so.
#pragma once

#include "project.hpp"

#include <cstddef>
#include <map>
#include <string>

namespace lab {

/// Why the header of `submission` is not graded; empty when it is.
std::string fault_of_header(const std::string& header, const std::string& submission,
                            const Part& part);

/// The files of the course that grading depends on, by path from the project's root, with a hash of
/// what is in them.
using CourseFiles = std::map<std::string, std::size_t>;
CourseFiles read_course_files();
/// A file that is not as it was; empty when all are.
std::string changed_file(const CourseFiles& before, const CourseFiles& now);

}  // namespace lab
