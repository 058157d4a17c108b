# SPDX-License-Identifier: MIT
# Builds tracks/*.track into the race library as ready map data: the loader that operators' files
# go through runs here at build time, so a bad built-in track fails the build with its line.
set(race ${CMAKE_CURRENT_LIST_DIR})
file(GLOB race_tracks CONFIGURE_DEPENDS ${race}/tracks/*.track)
add_executable(race_embed ${race}/tracks/embed.c ${race}/race_map.c ${race}/race_track.c
    ${race}/race_track_check.c ${race}/race_fixed.c)
target_link_libraries(race_embed PRIVATE paddock_config)
set(race_builtin ${CMAKE_BINARY_DIR}/race_builtin.c)
add_custom_command(OUTPUT ${race_builtin} COMMAND race_embed ${race_builtin} ${race_tracks}
    DEPENDS race_embed ${race_tracks} VERBATIM)
target_sources(paddock_game_race PRIVATE ${race_builtin})
