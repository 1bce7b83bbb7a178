// SPDX-License-Identifier: Apache-2.0
// Names of the enums of the codec seam, as logs and local replies print them.
#include "proxy/http/codec.h"

namespace heirloom::http {

std::string_view name_of(Protocol protocol) {
    switch (protocol) {
        case Protocol::http10:
            return "HTTP/1.0";
        case Protocol::http11:
            return "HTTP/1.1";
        case Protocol::http2:
            return "HTTP/2";
    }
    return "";
}

std::string_view name_of(StreamReset reset) {
    switch (reset) {
        case StreamReset::local:
            return "local reset";
        case StreamReset::remote:
            return "remote reset";
        case StreamReset::remote_refused:
        case StreamReset::unprocessed:
            return "remote refused stream reset";
        case StreamReset::connection_terminated:
            return "connection termination";
        case StreamReset::connection_failed:
            return "remote connection failure";
        case StreamReset::connection_timeout:
            return "connection timeout";
        case StreamReset::overflow:
            return "overflow";
        case StreamReset::protocol_error:
            return "protocol error";
        case StreamReset::no_connect:
            return "extended CONNECT not offered";
    }
    return "";
}

}  // namespace heirloom::http
