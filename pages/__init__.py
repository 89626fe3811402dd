"""The trading pages: server-rendered shells; what moves in them is `static/js` over the API and the socket."""
