// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http2_memory.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

using namespace heirloom::http;

namespace {

// None under the address sanitizer.
const bool no_pool = http2_memory() == nullptr;

}  // namespace

TEST_SUITE("http2_memory") {
    TEST_CASE("a piece that was given back serves the next of its size" * doctest::skip(no_pool)) {
        const nghttp2_mem& memory = *http2_memory();
        void* const first = memory.malloc(100, nullptr);
        void* const other = memory.malloc(300, nullptr);
        const size_t kept = http2_memory_kept();
        memory.free(first, nullptr);
        memory.free(other, nullptr);
        CHECK(http2_memory_kept() > kept);
        CHECK(memory.malloc(128, nullptr) == first);
        CHECK(memory.malloc(257, nullptr) == other);
        CHECK(http2_memory_kept() == kept);
        memory.free(first, nullptr);
        memory.free(other, nullptr);
        memory.free(nullptr, nullptr);
    }

    TEST_CASE("pieces of each size are whole, apart and aligned" * doctest::skip(no_pool)) {
        const nghttp2_mem& memory = *http2_memory();
        std::vector<char*> pieces;
        for (size_t size = 0; size < 1200; ++size) {
            pieces.push_back(static_cast<char*>(memory.malloc(size, nullptr)));
            REQUIRE(reinterpret_cast<uintptr_t>(pieces.back()) % alignof(std::max_align_t) == 0);
            std::memset(pieces.back(), static_cast<int>(size % 251), size);
        }
        for (size_t size = 0; size < pieces.size(); ++size) {
            CHECK(std::string(pieces[size], size) == std::string(size, static_cast<char>(size % 251)));
            memory.free(pieces[size], nullptr);
        }
    }

    TEST_CASE("zeroed pieces are zero when used before; impossible sizes are refused" * doctest::skip(no_pool)) {
        const nghttp2_mem& memory = *http2_memory();
        void* const used = memory.malloc(64, nullptr);
        std::memset(used, 'x', 64);
        memory.free(used, nullptr);
        void* const zeroed = memory.calloc(8, 8, nullptr);
        CHECK(zeroed == used);
        CHECK(std::string(static_cast<char*>(zeroed), 64) == std::string(64, '\0'));
        memory.free(zeroed, nullptr);
        CHECK(memory.calloc(SIZE_MAX / 2, 4, nullptr) == nullptr);
        CHECK(memory.malloc(SIZE_MAX, nullptr) == nullptr);
    }

    TEST_CASE("a piece that grows keeps its bytes" * doctest::skip(no_pool)) {
        const nghttp2_mem& memory = *http2_memory();
        auto* piece = static_cast<char*>(memory.realloc(nullptr, 60, nullptr));
        std::memset(piece, 'a', 60);
        for (const size_t size : {64, 65, 1024, 5000, 20000}) {
            piece = static_cast<char*>(memory.realloc(piece, size, nullptr));
            CHECK(std::string(piece, 60) == std::string(60, 'a'));
            std::memset(piece, 'a', size);
        }
        memory.free(piece, nullptr);
    }

    TEST_CASE("a thread keeps no more than the limit" * doctest::skip(no_pool)) {
        const nghttp2_mem& memory = *http2_memory();
        std::vector<void*> pieces;
        for (size_t i = 0; i < kHttp2MemoryLimit / 1024 + 10; ++i) pieces.push_back(memory.malloc(1024, nullptr));
        for (void* piece : pieces) memory.free(piece, nullptr);
        CHECK(http2_memory_kept() <= kHttp2MemoryLimit);
        CHECK(http2_memory_kept() > kHttp2MemoryLimit - 1024);
    }
}
