-- Written by mailstack for OpenDKIM (opendkim(8), DATA SETS, "lua:"): which key signs an author's
-- mail. Asked first with the whole address of From:, then with its domain, then with patterns; only
-- the domain counts, and couchmail knows which are ours (tcp_table(5)). So a message that a script
-- redirects keeps its author's signature and gets none of ours that nobody could verify.
-- What cannot be told is an error, and the message comes again. (Never "return nil": OpenDKIM 2.11
-- copies every value it gets as a string.)

if not query then return end -- the trial run of a start

local domain = query:lower()
if domain == "" or domain:find("[@*%s]") or domain:sub(1, 1) == "." then return end

local socket = require "socket"
local connection = assert(socket.tcp())
connection:settimeout(5)
assert(connection:connect("127.0.0.1", 40571))
local key = domain:gsub("[^%w.-]", function(octet) return string.format("%%%02x", octet:byte()) end)
assert(connection:send("get " .. key .. "\n"))
local answer = assert(connection:receive("*l"))
connection:close()

local status = answer:sub(1, 3)
if status == "200" then return "hosted" end
if status ~= "500" then error("couchmail answered " .. answer) end
