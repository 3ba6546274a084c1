-- Refuses requests that must not go on, and finishes answers. This filter stands before the transcoder, so it sees each answer after it.
--
-- From the server: the status and the error body that it asked for in headers, which go no further.
-- From gRPC, in the server or on the way to it: how a call has ended that the server has not answered itself. The virtual
-- host's metadata says how each API shapes that; the route's says whose it is.
-- From Envoy itself: a refusal of a request, marked with its status. The listener's local_reply_config says how the API
-- shapes it (gateway/refusals.py says in which lines); here the words in it are filled in, with what the transcoder said.
-- The virtual host's metadata says which methods the paths have.

local TYPES = {
  TYPE_STRING = "must be a string",
  TYPE_BOOL = "must be true or false",
  TYPE_INT32 = "must be a whole number of at most 32 bits",
  TYPE_INT64 = "must be a whole number",
  TYPE_DOUBLE = "must be a number",
  TYPE_ENUM = "is not one of the known words",
}
-- In the order in which they are named.
local VERBS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function quoted(text)
  return (text:gsub('[%c"\\]', function(character) return string.format("\\u%04x", string.byte(character)) end))
end

-- What the server acts by: without one of these a request would be another one.
local ACTED_BY = {
  [":path"] = "path",
  ["authorization"] = "Authorization",
  ["idempotency-key"] = "Idempotency-Key",
  ["if-match"] = "If-Match",
  ["last-event-id"] = "Last-Event-ID",
  ["x-agent-token"] = "X-Agent-Token",
  ["x-api-key"] = "X-API-Key",
}
-- The characters of UTF-8 beyond ASCII, each with where it ends.
local CHARACTERS = {
  "^[\194-\223][\128-\191]()",
  "^\224[\160-\191][\128-\191]()",
  "^[\225-\236\238\239][\128-\191][\128-\191]()",
  "^\237[\128-\159][\128-\191]()",
  "^\240[\144-\191][\128-\191][\128-\191]()",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]()",
  "^\244[\128-\143][\128-\191][\128-\191]()",
}

local function is_utf8(text)
  local position = text:find("[\128-\255]")
  while position do
    local after
    for _, character in ipairs(CHARACTERS) do
      after = after or text:match(character, position)
    end
    if not after then
      return false
    end
    position = text:find("[\128-\255]", after)
  end
  return true
end

-- Leaves out headers that are not UTF-8, about each of which gRPC would write a traceback; the name of one that cannot be
-- left out.
local function unreadable(headers)
  local found, acted_by = {}, nil
  for name, value in pairs(headers) do
    if not is_utf8(value) then
      acted_by = ACTED_BY[name] or acted_by
      table.insert(found, name)
    end
  end
  for _, name in ipairs(acted_by and {} or found) do
    headers:remove(name)
  end
  return acted_by
end

-- Whether a path has a slash, or a backslash, that is escaped: who takes it for one, and who does not, would disagree.
local function has_escaped_slash(path)
  local bare = path and path:find("%", 1, true) and path:match("^[^?]*")
  return bare and (bare:find("%%2[Ff]") or bare:find("%%5[Cc]"))
end

-- What comes without one of these comes from nobody, but where a path needs none.
local CREDENTIALS = {"authorization", "x-api-key", "x-agent-token"}
local BODIES = {POST = true, PUT = true, PATCH = true, DELETE = true}
-- So much of anybody's may wait here until it is whole.
local SMALL = 65536

-- Whether a request has a large body, or one of which nobody knows how large it is, and does not say whose it is.
local function is_of_nobody(handle, headers)
  local verb, length = headers:get(":method"), headers:get("content-length")
  if not BODIES[verb] or (length and (tonumber(length) or 0) <= SMALL) then
    return false
  end
  for _, name in ipairs(CREDENTIALS) do
    if headers:get(name) then
      return false
    end
  end
  local path = headers:get(":path"):match("^[^?]*")
  for _, known in ipairs(handle:virtualHost():metadata():get("open") or {}) do
    if path:find(known.path) then
      for _, open in ipairs(known.verbs) do
        if open == verb then
          return false
        end
      end
    end
  end
  return true
end

-- An id that the server takes as it is: the answer and its header must say the same.
local function usable(id)
  return id and #id > 0 and #id <= 128 and not id:find("[^ -~]")
end

local function new_id(handle)
  local now = handle:timestampString(EnvoyTimestampResolution.MICROSECOND)
  return string.format("%s-%08x", now, math.random(0, 0x7fffffff))
end

-- Which field a request was refused for, and why, from the transcoder's words.
local function explained(message)
  local query = message:match('^Could not find field "(.-)"')
  if query then
    return query, "unknown query parameter"
  end
  local scalar = message:match("^:? ?invalid value Starting an object on a scalar field for type (.+)$")
  if scalar then
    return scalar, "must not be an object"
  end
  local twice = message:match("oneof field '[%w_]+' is already set%. Cannot set '([%w_]+)'")
  if twice then
    return twice, "is given twice"
  end
  local bound = message:match("^The binding value .- of the field ([%w_%.]+) is conflicting")
  if bound then
    return bound, "is in the path and must not be another one in the body"
  end
  local field, given, type = message:match("^([%w_%.%[%]]+): invalid value (.*) for type ([%w_%./]+)$")
  if field and type:find("type.googleapis.com/", 1, true) then
    return field, "must be an object"
  end
  if field then
    return field, TYPES[type] or ("must be a " .. type:gsub("^.*%.", ""))
  end
  local header = message:match("^not UTF%-8: (.+)$")
  if header then
    return header, "must be UTF-8"
  end
  if message == "" then
    return "request", "has a path or headers that this gateway does not take"
  end
  if message == "Bad Request" then
    return "request", "is not valid HTTP"
  end
  if message:find("Root element must be a message", 1, true) then
    return "body", "must be a JSON object"
  end
  if message:find("Proto field is not repeating, cannot start list", 1, true) then
    return "body", "has a list where one value must be"
  end
  return "body", "is not valid JSON: " .. message:match("^[^\n]*")
end

-- The methods that a path has, as `Allow` names them; nil where there is no such path.
local function allowed(handle, path)
  local found, any = {}, false
  path = path:match("^[^?]*")
  for _, known in ipairs(handle:virtualHost():metadata():get("paths") or {}) do
    if path:find(known.path) then
      for _, verb in ipairs(known.verbs) do
        found[verb], any = true, true
      end
    end
  end
  local named = {}
  for _, verb in ipairs(VERBS) do
    if found[verb] then
      table.insert(named, verb)
    end
  end
  return any and table.concat(named, ", ") or nil
end

-- The answer without its body, which is as long as it says.
local function headless(handle)
  local length = handle:body(true):length()
  handle:body(true):setBytes("")
  handle:headers():replace("content-length", tostring(length))
end

-- A shape with its words filled in.
local function filled(shape, words)
  words["@timestamp"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
  return (shape:gsub("@[%l_]+", function(word) return words[word] and quoted(words[word]) end))
end

-- What became of a call that the server has not answered itself, in the shape of the API; nil where all is well.
local function failed(handle, code, message, id)
  local headers, route = handle:headers(), handle:metadata()
  local api = route:get("api")
  -- What is no call has no code, and a stream gets its own behind its last event. Preflights are answered by Envoy.
  if not api or headers:get("access-control-allow-methods") then
    return nil
  end
  if not code and route:get("streams") and headers:get(":status"):find("^2") then
    return nil
  end
  local ends = handle:virtualHost():metadata():get("failures")[api]
  local known = ends[code or "14"] or ends.other
  if code == "8" and decoded(message or ""):find("larger than max", 1, true) then
    known = ends.large
  end
  for name, value in pairs(known.headers) do
    headers:replace(name, value)
  end
  headers:replace(":status", known.status)
  headers:replace("content-type", "application/json")
  return filled(known.body, {["@request_id"] = (id or ""):gsub("[\128-\255]", "?")})
end

-- A refusal of Envoy's in the shape of the API, from the lines that the listener makes of it.
local function refused(handle, lines)
  local status, shape, other, method, path, id, said =
    lines:match("^(.-)\n(.-)\n(.-)\n(.-)\n(.-)\n(.-)\n(.*)$")
  local headers = handle:headers()
  -- What is not ASCII in a path or an id need not be UTF-8.
  local words = {["@method"] = method, ["@path"] = path:gsub("[\128-\255]", "?"), ["@said"] = said}
  local methods = status == "404" and allowed(handle, path)
  if methods then
    status, shape = "405", other
    headers:replace("allow", methods)
  elseif said:find("Expected an array instead of an object", 1, true) then
    -- Only a method whose caller goes on sending wants an array. Those are for sockets.
    status, shape = "426", other
  elseif status == "400" then
    words["@field"], words["@issue"] = explained(said)
  end
  if shape:find("@request_id", 1, true) and (id == "-" or id == "") then
    -- Envoy refuses some requests before they have one.
    id = new_id(handle)
    headers:replace("x-request-id", id)
  end
  words["@request_id"] = id:gsub("[\128-\255]", "?")
  headers:replace(":status", status)
  headers:replace("content-type", "application/json")
  return filled(shape, words)
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if headers:get(":method") == "CONNECT" then
    -- It has no body that would ever be whole.
    handle:respond({[":status"] = "405", ["allow"] = table.concat(VERBS, ", ")}, "")
  end
  if has_escaped_slash(headers:get(":path")) and not handle:metadata():get("slashes") then
    handle:respond({[":status"] = "400"}, "")
  end
  local unread = unreadable(headers)
  if unread then
    handle:respond({[":status"] = "400"}, "not UTF-8: " .. unread)
  end
  if is_of_nobody(handle, headers) then
    -- It would be kept until it is whole, however slowly it comes, for somebody whom the server then refuses.
    handle:respond({[":status"] = "401"}, "")
  end
  if headers:get(":method") == "HEAD" then
    -- As if it were a GET: who answers is told, because a stream would have no end.
    handle:streamInfo():dynamicMetadata():set("reply", "head", headers:get(":path"))
    headers:replace(":method", "GET")
    headers:replace("x-requested-method", "HEAD")
  end
  if not headers:get("x-request-id") or handle:metadata():get("named") and not usable(headers:get("x-request-id")) then
    headers:replace("x-request-id", new_id(handle))
  end
  -- The transcoder leaves alone what says that it is gRPC already, which does not go through these ports.
  local content_type = headers:get("content-type")
  local encoding = headers:get("content-encoding")
  if content_type and content_type:lower():match("^%s*application/grpc") or encoding and encoding:lower() ~= "identity" then
    handle:respond({[":status"] = "415"}, "")
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local noted = handle:streamInfo():dynamicMetadata():get("reply")
  local refusal, id = headers:get("x-refusal"), headers:get("x-requested-id")
  headers:remove("x-requested-id")
  if refusal then
    headers:remove("x-refusal")
    -- To what says that it is gRPC Envoy answers in gRPC also where it refuses it, without a last line that is empty.
    local lines = headers:get("grpc-message")
    headers:remove("grpc-status")
    headers:remove("grpc-message")
    if noted then
      -- Envoy has left out the body, and with it what else there is to know.
      local methods = refusal == "404" and allowed(handle, noted.head)
      if methods then
        headers:replace(":status", "405")
        headers:replace("allow", methods)
      end
      return
    end
    if tonumber(refusal) >= 500 then
      -- Envoy has said it all.
      return
    end
    local body = handle:body(true)
    body:setBytes(refused(handle, lines and decoded(lines) .. "\n" or body:getBytes(0, body:length())))
    return
  end
  local code, message = headers:get("grpc-status"), headers:get("grpc-message")
  headers:remove("grpc-status")
  headers:remove("grpc-message")
  if headers:get("content-type") == "text/event-stream" then
    -- Proxies in between pass each event on at once.
    headers:replace("cache-control", "no-cache")
    headers:replace("x-accel-buffering", "no")
  end
  local status = headers:get("x-http-status")
  if status then
    headers:replace(":status", status)
    headers:remove("x-http-status")
    if status == "204" then
      -- The transcoder has made an empty object of nothing, which the next answer on the connection would begin with.
      headers:remove("content-type")
      handle:body(true):setBytes("")
      -- What was taken before the body is no longer good after it.
      handle:headers():remove("content-type")
      handle:headers():remove("content-length")
      headers = handle:headers()
    end
  end
  local error_body = headers:get("x-error-body")
  if error_body then
    headers:remove("x-error-body")
    headers:replace("content-type", "application/json")
    handle:body(true):setBytes(decoded(error_body))
  elseif code ~= "0" then
    local body = failed(handle, code, message, id)
    if body then
      handle:body(true):setBytes(body)
    end
  end
  if headers:get(":status") == "204" then
    -- The transcoder says an empty object where there is to be nothing, and clients take that for the next answer.
    handle:body(true):setBytes("")
    headers:remove("content-length")
    headers:remove("content-type")
  elseif noted then
    headless(handle)
  end
end
