// SPDX-License-Identifier: Apache-2.0
// A DNS server of a few names on 127.0.0.1, UDP, on the test's loop.
#pragma once

#include <arpa/inet.h>

#include <map>
#include <set>

#include "tests/unit/upstream/fixture.h"

namespace heirloom::upstream {

class DnsServer : public network::IoHandler {
  public:
    struct Name {
        std::vector<std::string> addresses;  // v4 and v6
        uint32_t ttl = 60;
        uint8_t error = 0;    // response code: 2 = SERVFAIL, 3 = NXDOMAIN
        bool silent = false;  // no answer at all
    };

    explicit DnsServer(network::EventLoop& loop) : loop_(loop), socket_(SOCK_DGRAM) {
        REQUIRE(loop_.add(socket_.fd.get(), EPOLLIN, this));
    }
    ~DnsServer() override { loop_.remove(socket_.fd.get(), this); }
    std::string address() const { return socket_.address.to_string(); }

    std::map<std::string, Name> names;
    std::vector<std::string> asked;  // "a.test A", "a.test AAAA"

    void on_io(uint32_t) override {
        unsigned char query[512];
        sockaddr_storage from{};
        socklen_t length = sizeof from;
        ssize_t got = 0;
        while ((got = ::recvfrom(socket_.fd.get(), query, sizeof query, 0, reinterpret_cast<sockaddr*>(&from),
                                 &length)) > 12) {
            const std::string answer = answer_to(std::string(reinterpret_cast<char*>(query), static_cast<size_t>(got)));
            if (!answer.empty())
                ::sendto(socket_.fd.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
        }
    }

  private:
    std::string answer_to(const std::string& query) {
        std::string name;
        size_t at = 12;
        while (at < query.size() && query[at] != 0) {
            const auto label = static_cast<size_t>(query[at]);
            if (!name.empty()) name += '.';
            name += query.substr(at + 1, label);
            at += label + 1;
        }
        const size_t question_end = at + 5;
        if (question_end > query.size()) return {};
        const int type = query[at + 2];
        const bool v6 = type == 28;
        asked.push_back(name + (v6 ? " AAAA" : " A"));
        const auto known = names.find(name);
        if (known != names.end() && known->second.silent) return {};
        const Name data = known == names.end() ? Name{{}, 0, 3, false} : known->second;

        std::string records;
        uint16_t count = 0;
        for (const std::string& text : data.addresses) {
            if ((text.find(':') != std::string::npos) != v6) continue;
            unsigned char raw[16];
            ::inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), raw);
            const uint16_t bytes = v6 ? 16 : 4;
            records += std::string("\xc0\x0c", 2);
            append16(records, static_cast<uint16_t>(type));
            append16(records, 1);
            append16(records, static_cast<uint16_t>(data.ttl >> 16));
            append16(records, static_cast<uint16_t>(data.ttl));
            append16(records, bytes);
            records.append(reinterpret_cast<char*>(raw), bytes);
            ++count;
        }
        std::string answer = query.substr(0, 2);
        append16(answer, static_cast<uint16_t>(0x8180 | data.error));
        append16(answer, 1);
        append16(answer, count);
        append16(answer, 0);
        append16(answer, 0);
        return answer + query.substr(12, question_end - 12) + records;
    }
    static void append16(std::string& out, uint16_t value) {
        out += static_cast<char>(value >> 8);
        out += static_cast<char>(value & 255);
    }

    network::EventLoop& loop_;
    BoundSocket socket_;
};

}  // namespace heirloom::upstream
