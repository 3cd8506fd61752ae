-- Written by mailstack for Dovecot 2.4, which has no dict driver for logins any more: this asks
-- couchmail the same questions, in the same protocol, through the same socket as Dovecot 2.3 does.
-- Runs in Dovecot's auth workers, one connection each. An answer that cannot be had is an internal
-- failure, never an unknown user.

local unix = require "socket.unix"
local json = require "cjson.safe"

local SOCKET = "/srv/mail/run/dovecot/couchmail/dict"
local TIMEOUT_S = 10
-- Protocol 4.0, values are strings, no user, the dict called auth.
local HELLO = "H4\t0\t0\t\tauth\n"
local KEYS_ONLY = 8

local connection = nil

local function disconnect()
  if connection then connection:close() end
  connection = nil
end

local function connect()
  local made = unix.stream()
  made:settimeout(TIMEOUT_S)
  local ok, why = made:connect(SOCKET)
  if not ok then
    made:close()
    return nil, why
  end
  made:send(HELLO)
  return made
end

-- Send one command and return the first line of the answer. couchmail closes what idles, which shows
-- only here: then once more, on a new connection.
local function ask(command)
  local line, why
  for _ = 1, 2 do
    if not connection then connection, why = connect() end
    if not connection then return nil, why end
    connection:send(command)
    line, why = connection:receive("*l")
    if line then return line end
    disconnect()
    if why == "timeout" then return nil, why end
  end
  return nil, why
end

-- As Dovecot spells a name inside a key, and a key inside a line.
local function escaped(name)
  return dovecot.tabescape((name:gsub("\\", "\\\\"):gsub("/", "\\|")))
end

-- Returns the fields; or nil and whether it is certain that there are none, and why.
local function lookup(kind, name)
  local line, why = ask("Lshared/" .. kind .. "/" .. escaped(name) .. "\t\n")
  if not line then return nil, false, why end
  local status = line:sub(1, 1)
  if status == "N" then return nil, true, "not in the datastore" end
  if status ~= "O" then return nil, false, line end
  local fields = json.decode(dovecot.tabunescape(line:sub(2):match("^[^\t]*")))
  if type(fields) ~= "table" then return nil, false, "the answer is not a JSON object" end
  return fields
end

local function kept(fields)
  local found = {}
  for name, value in pairs(fields) do
    -- quota_rule is how Dovecot 2.3 spells what quota_storage_size says.
    if name ~= "quota_rule" and value ~= json.null then found[name] = value end
  end
  return found
end

function auth_passdb_lookup(request)
  local fields, certain, why = lookup("passdb", request.user)
  if fields then return dovecot.auth.PASSDB_RESULT_OK, kept(fields) end
  if certain then return dovecot.auth.PASSDB_RESULT_USER_UNKNOWN, why end
  return dovecot.auth.PASSDB_RESULT_INTERNAL_FAILURE, why
end

function auth_userdb_lookup(request)
  local fields, certain, why = lookup("userdb", request.user)
  if fields then return dovecot.auth.USERDB_RESULT_OK, kept(fields) end
  if certain then return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, why end
  return dovecot.auth.USERDB_RESULT_INTERNAL_FAILURE, why
end

-- doveadm user '*'
function auth_userdb_iterate()
  local users = {}
  local line, why = ask("I" .. KEYS_ONLY .. "\t0\tshared/userdb/\t\n")
  while line and line:sub(1, 1) == "O" do
    local key = dovecot.tabunescape(line:sub(2):match("^[^\t]*"))
    local name = key:sub(#"shared/userdb/" + 1):gsub("\\|", "/"):gsub("\\\\", "\\")
    users[#users + 1] = name
    line, why = connection:receive("*l")
  end
  if not line or line ~= "" then
    disconnect()
    error("cannot list the users: " .. tostring(why or line))
  end
  return users
end
