// view_slot_test.cpp: each thread has the view published last, and nobody keeps an old one.
#include <lsmith/view.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <thread>
#include <vector>

namespace view_slot_test {
namespace {

using lsmith::View;
using lsmith::ViewPin;
using lsmith::ViewSlot;

// What so many new threads have, one after another: more than there are places.
std::vector<ViewPin> pins_of_threads(const ViewSlot& slot, int count = 20) {
  std::vector<ViewPin> pins(static_cast<std::size_t>(count));
  for (ViewPin& pin : pins)
    std::thread([&] { pin = slot.pin(); }).join();
  return pins;
}

}  // namespace

TEST_SUITE("view slot") {
  TEST_CASE("what was published is there for every thread when publish returns") {
    ViewSlot slot;
    for (int i = 0; i < 3; ++i) {
      const auto view = std::make_shared<const View>();
      slot.publish(view);
      for (const ViewPin& pin : pins_of_threads(slot))
        CHECK(pin.get() == view.get());
    }
  }

  TEST_CASE("a view lives as long as it is published or pinned, and no longer") {
    ViewSlot slot;
    auto view = std::make_shared<const View>();
    const std::weak_ptr<const View> old = view;
    slot.publish(std::move(view));
    std::vector<ViewPin> pins = pins_of_threads(slot);
    slot.publish(std::make_shared<const View>());
    while (!pins.empty()) {
      CHECK_FALSE(old.expired());
      pins.pop_back();
    }
    CHECK(old.expired());
  }
}

}  // namespace view_slot_test
