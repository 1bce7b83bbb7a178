// SPDX-License-Identifier: Apache-2.0
// A doubly linked list whose links live in its elements: no allocation, removal from the middle in constant time. An
// element is in at most one list per hook and must leave it before it dies.
#pragma once

#include <cstddef>

namespace heirloom::upstream {

template <class T>
struct ListHook {
    T* previous = nullptr;
    T* next = nullptr;
};

template <class T, ListHook<T> T::*hook>
class IntrusiveList {
  public:
    bool empty() const { return first_ == nullptr; }
    size_t size() const { return size_; }
    T* front() const { return first_; }
    static T* next(const T& element) { return (element.*hook).next; }

    void push_front(T& element) {
        (element.*hook) = {nullptr, first_};
        (first_ ? (first_->*hook).previous : last_) = &element;
        first_ = &element;
        ++size_;
    }
    void push_back(T& element) {
        (element.*hook) = {last_, nullptr};
        (last_ ? (last_->*hook).next : first_) = &element;
        last_ = &element;
        ++size_;
    }
    // REQUIRES: `element` is in this list.
    void remove(T& element) {
        const ListHook<T> links = element.*hook;
        (links.previous ? (links.previous->*hook).next : first_) = links.next;
        (links.next ? (links.next->*hook).previous : last_) = links.previous;
        element.*hook = {};
        --size_;
    }
    T* pop_front() {
        T* const element = first_;
        if (element) remove(*element);
        return element;
    }

  private:
    T* first_ = nullptr;
    T* last_ = nullptr;
    size_t size_ = 0;
};

}  // namespace heirloom::upstream
