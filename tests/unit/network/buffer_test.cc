// SPDX-License-Identifier: Apache-2.0
#include "proxy/network/buffer.h"

#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <string>

using namespace heirloom::network;

namespace {

std::string letters(size_t count) {
    std::string text(count, ' ');
    for (size_t i = 0; i < count; ++i) text[i] = static_cast<char>('a' + i % 26);
    return text;
}

void read_into(Buffer& buffer, std::string_view bytes) {
    iovec blocks[4];
    const int count = buffer.reserve_blocks(blocks, 4);
    size_t left = bytes.size();
    for (int i = 0; i < count && left > 0; ++i) {
        const size_t take = std::min(left, blocks[i].iov_len);
        std::memcpy(blocks[i].iov_base, bytes.data() + bytes.size() - left, take);
        left -= take;
    }
    REQUIRE(left == 0);
    buffer.commit(bytes.size());
}

}  // namespace

TEST_CASE("bytes come out as they went in") {
    Buffer buffer;
    CHECK(buffer.empty());
    buffer.append("hello ");
    buffer.append("world");
    CHECK(buffer.size() == 11);
    CHECK(buffer.front() == "hello world");
    buffer.consume(6);
    CHECK(buffer.to_string() == "world");
    buffer.consume(5);
    CHECK(buffer.empty());
    CHECK(buffer.front().empty());
}

TEST_CASE("an empty buffer holds no block") {
    Buffer buffer;
    buffer.append("x");
    buffer.consume(1);
    const size_t pooled = pooled_blocks();
    CHECK(pooled >= 1);
    buffer.reserve(1);
    CHECK(pooled_blocks() == pooled - 1);
    buffer.commit(0);  // a read that brought nothing
    CHECK(pooled_blocks() == pooled);
    CHECK(buffer.empty());
}

TEST_CASE("a large read spans blocks") {
    Buffer buffer;
    const std::string text = letters(50'000);
    read_into(buffer, text);
    CHECK(buffer.size() == text.size());
    CHECK(buffer.front().size() == kBlockBytes);
    CHECK(buffer.to_string() == text);
    iovec pieces[8];
    CHECK(buffer.fill_iovec(pieces, 8) == 4);
    CHECK(buffer.fill_iovec(pieces, 2) == 2);
    CHECK(buffer.linearize(40'000) == text.substr(0, 40'000));
    CHECK(buffer.front().size() == 40'000);
    CHECK(buffer.to_string() == text);
}

TEST_CASE("large slices move by reference, small ones by copy") {
    Buffer source;
    const std::string text = letters(10'000);
    source.append(text);
    const char* place = source.front().data();
    Buffer target;
    target.append("head ");
    target.move_from(source, 6000);
    iovec pieces[4];
    REQUIRE(target.fill_iovec(pieces, 4) == 2);
    CHECK(pieces[1].iov_base == place);
    CHECK(source.to_string() == text.substr(6000));
    source.clear();
    source.append("tail");
    Buffer small;
    small.append("head ");
    small.move_from(source);
    CHECK(small.fill_iovec(pieces, 4) == 1);
    CHECK(small.to_string() == "head tail");
    CHECK(target.to_string() == "head " + text.substr(0, 6000));
}

TEST_CASE("a slice whose block is used further on is never overwritten") {
    Buffer source;
    source.append(letters(5000));
    Buffer first;
    first.move_from(source, 3000);  // same block: the rest is still in `source`
    first.append("MORE");
    CHECK(source.to_string() == letters(5000).substr(3000));
    CHECK(first.to_string() == letters(3000) + "MORE");
    const BlockRef pinned = source.pin_front();
    const std::string_view view = source.front();
    source.append("XYZ");
    source.consume(source.size());
    source.append("other");
    CHECK(view == letters(5000).substr(3000));
}

TEST_CASE("shared bytes stay in both, whatever becomes of the other") {
    Buffer source, copy;
    const std::string large(40'000, 'x');
    source.append(large);
    CHECK(copy.share(source) == 3 * kBlockBytes);
    CHECK(source.front().data() == copy.front().data());
    source.append("more");
    copy.append("other");
    CHECK(source.to_string() == large + "more");
    CHECK(copy.to_string() == large + "other");
    source.clear();
    CHECK(copy.to_string() == large + "other");
}

TEST_CASE("small slices that are shared do not hold a block each") {
    Buffer copy;
    size_t held = 0;
    std::string all;
    for (int i = 0; i < 1'000; ++i) {
        Buffer source;
        source.append("0123456789");
        all += "0123456789";
        held += copy.share(source);
    }
    CHECK(held <= 2 * kBlockBytes);
    CHECK(copy.to_string() == all);
}

TEST_CASE("a moved-from buffer is empty") {
    Buffer source;
    source.append("abc");
    Buffer target(std::move(source));
    CHECK(source.empty());
    CHECK(source.front().empty());
    source.append("def");
    target = std::move(source);
    CHECK(target.to_string() == "def");
    CHECK(source.empty());
}

TEST_CASE("many slices move to another buffer and come back to one") {
    Buffer source;
    std::string all;
    for (int i = 0; i < 40; ++i) {  // each too large to be copied, from a block of its own
        Buffer piece;
        piece.append(letters(4000) + std::to_string(i));
        all += piece.to_string();
        source.move_from(piece);
        CHECK(piece.empty());
    }
    iovec pieces[64];
    CHECK(source.fill_iovec(pieces, 64) == 40);
    Buffer target(std::move(source));
    CHECK(source.empty());
    CHECK(source.fill_iovec(pieces, 64) == 0);
    source.append("again");
    CHECK(target.to_string() == all);
    target.consume(39 * 4000);  // the consumed slices are dropped
    CHECK(target.to_string() == all.substr(39 * 4000));
    target = std::move(source);
    CHECK(target.to_string() == "again");
    CHECK(target.linearize(5) == "again");
    CHECK(target.fill_iovec(pieces, 64) == 1);
}

TEST_CASE("random work agrees with a string") {
    std::mt19937 random(11);
    Buffer buffers[2];
    std::string model[2];
    for (int round = 0; round < 20'000; ++round) {
        const size_t at = random() % 2;
        const size_t size = random() % 100 == 0 ? random() % 40'000 : random() % 3000;
        switch (random() % 6) {
            case 0:
                buffers[at].append(letters(size));
                model[at] += letters(size);
                break;
            case 1: {
                const std::string text = letters(size);
                read_into(buffers[at], text);
                model[at] += text;
                break;
            }
            case 2:
            case 3: {
                const size_t take = std::min(size * 2, model[at].size());
                buffers[at].consume(take);
                model[at].erase(0, take);
                break;
            }
            case 4: {
                const size_t take = std::min(size, model[at].size());
                buffers[1 - at].move_from(buffers[at], take);
                model[1 - at] += model[at].substr(0, take);
                model[at].erase(0, take);
                break;
            }
            case 5: {
                const size_t take = std::min(size, model[at].size());
                REQUIRE(buffers[at].linearize(take) == model[at].substr(0, take));
                break;
            }
        }
        REQUIRE(buffers[at].size() == model[at].size());
        if (round % 50 == 0) REQUIRE(buffers[at].to_string() == model[at]);
    }
}
