// SPDX-License-Identifier: Apache-2.0
// DIR/control.sock: one request per connection, a JSON object on one line; answers are JSON objects, one per line, the
// last one with a member `result` ("ok" or "error"). Mode 0600, and the peer must be root or our own user. Many clients
// at once; what one of them sends or does not read costs the others nothing: input is bounded, slow clients are
// dropped.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "shm/result.h"
#include "shm/unique_fd.h"

namespace heirloom::supervisor {

class ControlClient : public std::enable_shared_from_this<ControlClient> {
  public:
    using Socket = boost::asio::local::stream_protocol::socket;

    ControlClient(boost::asio::io_context& io, Socket socket);
    // One more line; `fd` (if any) travels with it. After finish() and on a closed connection: nothing happens.
    void send(const boost::json::object& line, int fd = -1);
    // The last line: closes when all is written.
    void finish(const boost::json::object& line, int fd = -1);
    // {"result":"error","reason":...}
    void fail(std::string_view reason);

  private:
    friend class ControlSocket;
    void read_request(std::function<void(boost::json::object)> on_request);
    void write_some();
    void close();

    Socket socket_;
    boost::asio::steady_timer deadline_;
    std::string input_;
    std::string output_;
    UniqueFd fd_;  // to go out with the next bytes
    bool writing_ = false;
    bool finished_ = false;
    std::function<void()> on_close_;
};

class ControlSocket {
  public:
    using Handler = std::function<void(const std::shared_ptr<ControlClient>&, const boost::json::object&)>;

    // REQUIRES: the caller holds the lock of the run directory (a left-over socket file is replaced).
    static Result<std::unique_ptr<ControlSocket>> open(boost::asio::io_context& io, const std::string& path,
                                                       Handler handler);
    ~ControlSocket();

  private:
    ControlSocket(boost::asio::io_context& io, std::string path, Handler handler);
    void accept();
    void on_client(ControlClient::Socket socket);

    boost::asio::io_context& io_;
    std::string path_;
    Handler handler_;
    boost::asio::local::stream_protocol::acceptor acceptor_;
    boost::asio::steady_timer pause_;  // after an accept that failed: out of descriptors
    std::set<std::shared_ptr<ControlClient>> clients_;
};

}  // namespace heirloom::supervisor
