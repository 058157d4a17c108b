# SPDX-License-Identifier: MIT
# Builds pages/websockets.html into the net library, byte for byte, so that no file is served from disk.
set(net_page ${CMAKE_CURRENT_LIST_DIR}/pages/websockets.html)
set(net_page_source ${CMAKE_BINARY_DIR}/net_page.c)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${net_page})
file(READ ${net_page} net_page_bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," net_page_bytes "${net_page_bytes}")
file(CONFIGURE OUTPUT ${net_page_source} CONTENT
"#include \"net/http_page.h\"
const unsigned char net_http_page_bytes[] = {@net_page_bytes@};
const size_t net_http_page_size = sizeof(net_http_page_bytes);
" @ONLY)
target_sources(paddock_net PRIVATE ${net_page_source})
