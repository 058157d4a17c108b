// SPDX-License-Identifier: MIT
// tcp, tls, ws and wss: links over byte streams, for servers and clients.

#ifndef NET_TRANSPORT_STREAM_H
#define NET_TRANSPORT_STREAM_H

#include "net/transport.h"

// Listens on every address that the URL's host means; port 0 takes a free one. Path and query must
// be empty: where the WebSocket is, the setting websocket-path says. tls and wss need hub->tls.
struct net_endpoint *net_stream_listen(struct net_hub *hub, const struct net_transport *self,
                                       const struct url *url, const struct net_acceptor *acceptor,
                                       struct error *error);
// Looks the name up (blocking), then tries its addresses in turn. The path of a WebSocket URL is
// used as it is; an empty one means /websocket.
struct net_link *net_stream_dial(struct net_hub *hub, const struct net_transport *self,
                                 const struct url *url, const struct net_link_handler *handler,
                                 void *user, struct error *error);

#endif
