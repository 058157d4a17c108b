# SPDX-License-Identifier: MIT
# Godot's multiplayer peer over plain ENet: connects, sends one packet, waits to be disconnected.
#
#     godot3-server -s godot_peer.gd HOST PORT
extends SceneTree

var peer = NetworkedMultiplayerENet.new()

func _initialize():
    var arguments = OS.get_cmdline_args()
    var given = arguments.size() - 2
    peer.connect("connection_succeeded", self, "_on_up")
    peer.connect("connection_failed", self, "_on_down")
    peer.connect("server_disconnected", self, "_on_down")
    peer.create_client(arguments[given], int(arguments[given + 1]))

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
