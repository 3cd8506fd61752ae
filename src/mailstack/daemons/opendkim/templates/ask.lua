-- Written by mailstack for OpenDKIM (opendkim(8), DATA SETS, "lua:"). What cannot be told is an error,
-- and the message comes again; OpenDKIM does not say which, so it is written to our log. (Never
-- "return nil": OpenDKIM 2.11 copies every value it gets as a string.)

if not query then return end -- the trial run of a start

local domain = query:lower()
if domain == "" or domain:find("[@*%s]") or domain:sub(1, 1) == "." then return end

local socket = require "socket"

-- Asks couchmail (socketmap, socketmap_table(5)) which key signs for the domain: "SELECTOR SEALED",
-- "-" where it has none of its own, nothing where the domain is not ours.
local function signing_key()
  local connection = assert(socket.tcp())
  connection:settimeout(@{timeout_s})
  assert(connection:connect("@{host}", @{port}))
  local question = "dkim @{algorithm}:" .. domain
  assert(connection:send(#question .. ":" .. question .. ","))
  local length = ""
  repeat
    local octet = assert(connection:receive(1))
    length = length .. octet
  until not octet:find("%d") or #length > 6
  local answer = assert(connection:receive(assert(tonumber(length:match("^(%d+):$")))))
  connection:close()
  local found = answer:match("^OK (.*)$")
  if not found and not answer:find("^NOTFOUND ") then error("couchmail answered " .. answer) end
  return found
end

-- Runs `work` and hands on what it returns, or its error.
local function told(work)
  local results = table.pack(pcall(work))
  if results[1] then return table.unpack(results, 2, results.n) end
  io.stderr:write("no signature for ", domain, ": ", tostring(results[2]), "\n")
  error(results[2], 0)
end
