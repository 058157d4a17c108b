# SPDX-License-Identifier: MIT
# Godot's multiplayer peer over plain ENet: connects, sends one packet, waits to be disconnected.
#
#     godot3-server -s godot_peer.gd HOST PORT
extends SceneTree

var peer = NetworkedMultiplayerENet.new()

func _initialize():
    var arguments = OS.get_cmdline_args()
    var given = arguments.size() - 2
    create_client(arguments[given], int(arguments[given + 1]))
    peer.connect("connection_succeeded", self, "_on_up")
    peer.connect("connection_failed", self, "_on_down")
    peer.connect("server_disconnected", self, "_on_down")

# In front of every packet stands the id that Godot has drawn, lowest byte first. Below 128 that byte
# is a number in msgpack, so that the packet is certainly no message; others may begin one of a kind
# that the server only drops. An id comes with a client, which says nothing before it is polled.
func create_client(host, port):
    peer.create_client(host, port)
    while (peer.get_unique_id() & 255) >= 128:
        peer = NetworkedMultiplayerENet.new()
        peer.create_client(host, port)

func _on_up():
    print("up")
    peer.transfer_mode = NetworkedMultiplayerPeer.TRANSFER_MODE_RELIABLE
    peer.set_target_peer(1)
    peer.put_packet("hello from Godot".to_utf8())

func _on_down():
    print("down")
    quit(0)

func _idle(_delta):
    peer.poll()
