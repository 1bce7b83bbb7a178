// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http1_chars.h"

#include <doctest/doctest.h>

#include <string>

using namespace heirloom::http;

TEST_SUITE("http1_chars") {
    TEST_CASE("the first control character is found at each place of texts of each length") {
        for (size_t length = 0; length <= 50; ++length) {
            std::string text(length, 'a');
            const char* const begin = text.data();
            for (const char fine : {' ', '\t', '~', '\x80', '\xff'}) {
                text.assign(length, fine);
                REQUIRE(find_control(begin, begin + length) == begin + length);
                REQUIRE_FALSE(has_control(text));
                for (size_t place = 0; place < length; ++place) {
                    for (const char bad : {'\0', '\n', '\r', '\x1f', '\x7f'}) {
                        text[place] = bad;
                        text[length - 1] = bad;
                        REQUIRE(find_control(begin, begin + length) == begin + place);
                        REQUIRE(has_control(text));
                        text[place] = text[length - 1] = fine;
                    }
                }
            }
        }
    }

    TEST_CASE("pieces of each length are copied") {
        for (size_t length = 0; length <= 50; ++length) {
            const std::string text =
                std::string("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR").substr(0, length);
            std::string to(length + 1, '.');
            CHECK(copy_bytes(to.data(), text) == to.data() + length);
            CHECK(to == text + '.');
        }
    }
}
