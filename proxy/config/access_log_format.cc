// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/access_log_format.h"

#include <algorithm>
#include <charconv>

namespace heirloom::config {

const char* const kDefaultAccessLogFormat =
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% "
    "%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "
    "\"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" "
    "\"%UPSTREAM_HOST%\"\n";

namespace {

enum class Takes { none, header, time, one, argument, optional };

struct Operator {
    LogOperator op;
    std::string_view name;
    Takes takes;
};

constexpr Operator kOperators[] = {
#define X(identifier, name, takes, gives) {LogOperator::identifier, name, Takes::takes},
    HEIRLOOM_LOG_OPERATORS(X)
#undef X
};

// Of COMMON_DURATION, as far as they are known of a request.
constexpr std::string_view kTimePoints[] = {"DS_RX_BEG", "DS_RX_END", "US_TX_END",
                                            "US_RX_BEG", "US_RX_END", "DS_TX_END"};

const Operator* find_operator(std::string_view name) {
    for (const Operator& row : kOperators) {
        if (row.name == name) return &row;
    }
    return nullptr;
}

// %NAME% %NAME(arguments)% %NAME(arguments):LENGTH%, cut into its parts.
struct Command {
    std::string_view name;
    std::optional<std::string_view> arguments;
    std::optional<std::string_view> length;
    size_t end = 0;  // position after the closing percent sign
};

bool is_name_character(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

// At `:LENGTH%` or `%`: fills in the length and the end.
bool read_tail(std::string_view text, size_t i, Command& command) {
    command.length.reset();
    if (i < text.size() && text[i] == ':') {
        const size_t start = ++i;
        while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
        if (i == start) return false;
        command.length = text.substr(start, i - start);
    }
    command.end = i + 1;
    return i < text.size() && text[i] == '%';
}

// `start` is at the opening percent sign. Arguments end at the first `)` that the rest of the form follows: they may
// hold percent signs and parentheses themselves (START_TIME).
bool read_command(std::string_view text, size_t start, Command& command) {
    size_t i = start + 1;
    while (i < text.size() && is_name_character(text[i])) ++i;
    command.name = text.substr(start + 1, i - start - 1);
    if (command.name.empty()) return false;
    if (i >= text.size() || text[i] != '(') return read_tail(text, i, command);
    const size_t first = i + 1;
    for (i = first; i < text.size() && text[i] != '\n'; ++i) {
        if (text[i] == ')' && read_tail(text, i + 1, command)) {
            command.arguments = text.substr(first, i - first);
            return true;
        }
    }
    return false;
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

// Of requests the legacy name `host` means `:authority`, as in Envoy.
std::string name_of_field(std::string_view name, LogOperator of) {
    std::string lower = lower_case(name);
    return of == LogOperator::req && lower == "host" ? ":authority" : lower;
}

Status read_header_arguments(std::string_view arguments, LogPiece& piece) {
    if (arguments.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos) {
        return Error{"Invalid header configuration. Format string contains null or newline."};
    }
    const size_t mark = arguments.find('?');
    piece.text = name_of_field(arguments.substr(0, mark), piece.op);
    if (mark == std::string_view::npos) return Ok{};
    if (arguments.find('?', mark + 1) != std::string_view::npos) {
        return Error{"More than 1 alternative header specified in token: " + std::string(arguments)};
    }
    piece.alternative = name_of_field(arguments.substr(mark + 1), piece.op);
    return Ok{};
}

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    for (size_t colon = text.find(':'); colon != std::string_view::npos; colon = text.find(':')) {
        parts.push_back(text.substr(0, colon));
        text.remove_prefix(colon + 1);
    }
    parts.push_back(text);
    return parts;
}

Status check_common_duration(std::string_view arguments) {
    const std::vector<std::string_view> parts = split(arguments);
    if (parts.size() < 2 || parts.size() > 3) {
        return Error{"Invalid common duration configuration: " + std::string(arguments)};
    }
    for (size_t i = 0; i < 2; ++i) {
        const auto is_point = [&](std::string_view name) { return name == parts[i]; };
        if (std::none_of(std::begin(kTimePoints), std::end(kTimePoints), is_point)) {
            return Error{"time point is not supported: " + std::string(parts[i])};
        }
    }
    if (parts.size() == 3 && parts[2] != "ms" && parts[2] != "us" && parts[2] != "ns") {
        return Error{"Invalid common duration precision: " + std::string(parts[2]) + "."};
    }
    return Ok{};
}

Status check_path_options(std::string_view arguments) {
    const std::vector<std::string_view> parts = split(arguments);
    if (!parts[0].empty() && parts[0] != "WQ" && parts[0] != "NQ") {
        return Error{"Invalid PATH option: '" + std::string(parts[0]) + "', only 'WQ'/'NQ' are allowed"};
    }
    const bool is_second =
        parts.size() < 2 || parts[1].empty() || parts[1] == "ORIG" || parts[1] == "PATH" || parts[1] == "ORIG_OR_PATH";
    if (is_second && parts.size() <= 2) return Ok{};
    return Error{"Invalid PATH option: '" + std::string(arguments.substr(parts[0].size() + 1)) +
                 "', only 'ORIG'/'PATH'/'ORIG_OR_PATH' are allowed"};
}

Result<LogPiece> read_piece(const Command& command) {
    const std::string name(command.name);
    const Operator* found = find_operator(command.name);
    if (found == nullptr) return Error{"Not supported field in StreamInfo: " + name};
    LogPiece piece;
    piece.op = found->op;
    const std::string_view arguments = command.arguments.value_or("");
    const bool requires_arguments =
        found->takes == Takes::header || found->takes == Takes::argument || found->op == LogOperator::common_duration;
    const bool takes_length =
        found->takes == Takes::header || found->takes == Takes::argument || found->takes == Takes::optional;
    if (found->takes == Takes::none && (command.arguments || command.length)) {
        return Error{name + " does not take any parameters or length"};
    }
    if (requires_arguments && arguments.empty()) return Error{name + " requires parameters"};
    if (command.length) {
        if (!takes_length) return Error{name + " does not allow length to be specified."};
        size_t length = 0;
        const char* last = command.length->data() + command.length->size();
        if (std::from_chars(command.length->data(), last, length).ec != std::errc()) {
            return Error{"Length must be an integer, given: " + std::string(*command.length)};
        }
        piece.max_length = length;
    }
    switch (found->takes) {
        case Takes::none:
            break;
        case Takes::header: {
            const Status status = read_header_arguments(arguments, piece);
            if (!status) return status.error();
            break;
        }
        case Takes::time:
        case Takes::one:
        case Takes::argument:
        case Takes::optional:
            piece.text = arguments;
            break;
    }
    if (found->op == LogOperator::response_code_details && !arguments.empty() && arguments != "ALLOW_WHITESPACES") {
        return Error{name + " takes no parameter but ALLOW_WHITESPACES, given: " + std::string(arguments)};
    }
    if (found->op == LogOperator::grpc_status && !arguments.empty() && arguments != "CAMEL_STRING" &&
        arguments != "SNAKE_STRING" && arguments != "NUMBER") {
        return Error{"GrpcStatusFormatter only supports CAMEL_STRING, SNAKE_STRING or NUMBER."};
    }
    if (found->op == LogOperator::grpc_status && arguments == "NUMBER") piece.op = LogOperator::grpc_status_number;
    if (found->op == LogOperator::common_duration) {
        if (Status status = check_common_duration(arguments); !status) return status.error();
    }
    if (found->op == LogOperator::path) {
        if (Status status = check_path_options(arguments); !status) return status.error();
    }
    return piece;
}

}  // namespace

bool is_number(LogOperator op) {
    enum class Gives : uint8_t { text, number };
    static constexpr Gives kGives[] = {Gives::text,
#define X(identifier, name, takes, gives) Gives::gives,
                                       HEIRLOOM_LOG_OPERATORS(X)
#undef X
    };
    return kGives[static_cast<size_t>(op)] == Gives::number;
}

LogFormat default_access_log_format() { return {*parse_access_log_format(kDefaultAccessLogFormat)}; }

Result<std::vector<LogPiece>> parse_access_log_format(std::string_view format) {
    std::vector<LogPiece> pieces;
    std::string literal;
    const auto end_literal = [&] {
        if (!literal.empty()) pieces.push_back({LogOperator::literal, std::move(literal), {}, {}, LogForm::text});
        literal.clear();
    };
    for (size_t i = 0; i < format.size();) {
        if (format[i] != '%') {
            literal += format[i++];
            continue;
        }
        if (format.substr(i, 2) == "%%") {
            literal += '%';
            i += 2;
            continue;
        }
        Command command;
        if (!read_command(format, i, command)) {
            return Error{"Incorrect configuration: " + std::string(format) +
                         ". Couldn't find valid command at position " + std::to_string(i)};
        }
        Result<LogPiece> piece = read_piece(command);
        if (!piece) return piece.error();
        end_literal();
        pieces.push_back(std::move(*piece));
        i = command.end;
    }
    end_literal();
    return pieces;
}

}  // namespace heirloom::config
