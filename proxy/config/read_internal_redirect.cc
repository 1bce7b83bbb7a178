// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/internal_redirect/allow_listed_routes/v3/allow_listed_routes_config.pb.h"
#include "envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config.pb.h"
#include "envoy/extensions/internal_redirect/safe_cross_scheme/v3/safe_cross_scheme_config.pb.h"
#include "proxy/config/internal_redirect_config.h"
#include "proxy/config/readers.h"

namespace heirloom::config {

using envoy::config::core::v3::TypedExtensionConfig;
using envoy::config::route::v3::InternalRedirectPolicy;

namespace {

namespace extensions = envoy::extensions::internal_redirect;
using Predicate = InternalRedirectConfig::Predicate;

constexpr size_t kMostStatuses = 5;

Predicate read_predicate(const TypedExtensionConfig& message, const Path& path, Problems& problems) {
    require_text(message.name(), path.field("name"), problems);
    extensions::allow_listed_routes::v3::AllowListedRoutesConfig allowed;
    if (message.typed_config().UnpackTo(&allowed)) {
        Predicate predicate{Predicate::Kind::allow_listed_routes};
        predicate.names.assign(allowed.allowed_route_names().begin(), allowed.allowed_route_names().end());
        return predicate;
    }
    if (message.typed_config().Is<extensions::safe_cross_scheme::v3::SafeCrossSchemeConfig>())
        return {Predicate::Kind::safe_cross_scheme};
    if (!message.typed_config().Is<extensions::previous_routes::v3::PreviousRoutesConfig>())
        problems.error(path.field("typed_config"), "required");
    return {Predicate::Kind::previous_routes};
}

std::vector<uint16_t> read_statuses(const InternalRedirectPolicy& message, const Path& path, Problems& problems) {
    std::vector<uint16_t> statuses;
    for (int i = 0; i < message.redirect_response_codes_size(); ++i) {
        const uint32_t status = message.redirect_response_codes(i);
        if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308) {
            problems.error(path.item("redirect_response_codes", static_cast<size_t>(i)),
                           "must be 301, 302, 303, 307 or 308");
            continue;
        }
        statuses.push_back(static_cast<uint16_t>(status));
    }
    if (message.redirect_response_codes_size() > static_cast<int>(kMostStatuses))
        problems.error(path.field("redirect_response_codes"), "must have at most 5");
    return statuses;
}

}  // namespace

std::shared_ptr<const InternalRedirectConfig> read_internal_redirect(const InternalRedirectPolicy& message,
                                                                     const Path& path, Problems& problems) {
    auto config = std::make_shared<InternalRedirectConfig>();
    READ_WRAPPED(message, max_internal_redirects, config->most);
    if (message.redirect_response_codes_size() > 0) config->statuses = read_statuses(message, path, problems);
    for (int i = 0; i < message.predicates_size(); ++i) {
        config->predicates.push_back(
            read_predicate(message.predicates(i), path.item("predicates", static_cast<size_t>(i)), problems));
    }
    config->cross_scheme = message.allow_cross_scheme_redirect();
    for (int i = 0; i < message.response_headers_to_copy_size(); ++i) {
        const Path at = path.item("response_headers_to_copy", static_cast<size_t>(i));
        config->headers_to_copy.push_back(read_header_to_copy(message.response_headers_to_copy(i), at, problems));
    }
    return config;
}

}  // namespace heirloom::config
