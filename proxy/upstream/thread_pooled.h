// SPDX-License-Identifier: Apache-2.0
// ThreadPooled<T>: base class that gives T an operator new and delete over a free list of the thread, for objects that
// come and go with each request. An object dies on the thread it was made on. Under the address sanitizer every object
// is a real allocation, so that a use after its end is seen.
#pragma once

#include <cstddef>
#include <new>

namespace heirloom::upstream {

template <class T>
class ThreadPooled {
  public:
    static void* operator new(size_t size) {
#ifndef __SANITIZE_ADDRESS__
        if (size == sizeof(T) && list.first) {
            Node* const node = list.first;
            list.first = node->next;
            --list.count;
            return node;
        }
#endif
        return ::operator new(size);
    }
    static void operator delete(void* object, size_t size) noexcept {
#ifndef __SANITIZE_ADDRESS__
        if (size == sizeof(T) && list.count < kMaximum && !list.closed) {
            auto* const node = static_cast<Node*>(object);
            node->next = list.first;
            list.first = node;
            ++list.count;
            return;
        }
#endif
        ::operator delete(object, size);
    }

  private:
    static constexpr size_t kMaximum = 1024;  // what a burst leaves behind is given back
    struct Node {
        Node* next;
    };
    struct List {
        Node* first = nullptr;
        size_t count = 0;
        bool closed = false;
        ~List() {
            closed = true;
            while (first) {
                Node* const node = first;
                first = node->next;
                ::operator delete(node, sizeof(T));
            }
        }
    };
    static inline thread_local List list;
};

}  // namespace heirloom::upstream
