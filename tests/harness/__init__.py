# SPDX-License-Identifier: Apache-2.0
"""What a scenario needs to read as a dialogue: programs, config, scripted upstream, raw client, waiting for states.

    from harness import *

    upstream = Upstream(answer(b'hello'))
    proxy = Proxy(config(cluster('up', upstream.port)))
    expect(get(proxy.port, '/').body, b'hello')
"""
from .certificates import Authority, downstream_tls, upstream_tls
from .client import Client, Response, get, request
from .config import (access_log, bootstrap, cluster, config, direct, filter_chain, hcm, listener, redirect, route, speaks,
                     stdout_log, tcp_config, tcp_proxy, to_yaml, virtual_host, write_config)
from . import hpack, http2_frames as h2
from .http2_client import Http2Client
from .http2_peer import Http2Peer
from .peers import Nghttpd, Nginx, OpensslServer
from .programs import (BUILD, TMP, EchoUpstream, FastUpstream, Load, Program, Proxy, StormClient, Supervisor, binary,
                       validate)
from .raw_upstream import RawUpstream, capitals
from .secrets import Volume, move_copy, sds, secret, write_secrets
from .statsd import StatsdServer, dog_statsd, statsd
from .tls_client import TlsClient, s_client, was_reused
from .tools import curl, h2load
from .upstream import (SWITCHING, UPGRADE, Gone, Request, Upstream, answer, chunked, close, echo, raw, reset, silent,
                       tunnel_echo)
from .waiting import expect, expect_in, expect_true, needs_root, skip, wait_for
