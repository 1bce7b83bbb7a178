// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/router.h"

#include "proxy/router/router_filter.h"

namespace heirloom::router {

namespace {

class Factory final : public http::StreamHandlerFactory {
  public:
    Factory(std::shared_ptr<const config::HttpConnectionManagerConfig> config, std::shared_ptr<const RouteTable> table,
            RouterStats stats, upstream::WorkerClusters& clusters)
        : context_{std::move(config), std::move(table), stats, clusters} {
        context_.mutators = RouteMutators(context_.config->routes);
        context_.cluster_of_route.resize(context_.table->route_count());
    }
    std::unique_ptr<http::StreamHandler> make_handler(http::DownstreamStream& stream) override {
        return std::make_unique<RouterFilter>(context_, stream);
    }

  private:
    RouterContext context_;
};

}  // namespace

std::unique_ptr<http::StreamHandlerFactory> make_router(
    std::shared_ptr<const config::HttpConnectionManagerConfig> config, std::shared_ptr<const RouteTable> table,
    RouterStats stats, upstream::WorkerClusters& clusters) {
    return std::make_unique<Factory>(std::move(config), std::move(table), stats, clusters);
}

}  // namespace heirloom::router
