-- Finishes answers. This filter stands before the transcoder, so it sees each answer after it.
--
-- From the server: the status and the error body that it asked for in headers, which go no further.
-- From Envoy itself: a refusal of a request. The listener's local_reply_config gives its shape on the first line, with
-- the words @field and @issue to be filled from what the transcoder said, which follows on the next. Where the route's
-- metadata says `errors: request_id`, the id of the request stands in the place of the details.

local TYPES = {
  TYPE_STRING = "must be a string",
  TYPE_BOOL = "must be true or false",
  TYPE_INT32 = "must be a whole number of at most 32 bits",
  TYPE_INT64 = "must be a whole number",
  TYPE_DOUBLE = "must be a number",
  TYPE_ENUM = "is not one of the known words",
}

local NO_GRPC = '{"error":{"code":"UNSUPPORTED_MEDIA_TYPE","message":"this port takes JSON: gRPC has a port of its own",'
  .. '"details":{}}}'

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function quoted(text)
  return (text:gsub('[%c"\\]', function(character) return string.format("\\u%04x", string.byte(character)) end))
end

-- An id that the server takes as it is: the answer and its header must say the same.
local function usable(id)
  return id and #id > 0 and #id <= 128 and not id:find("[^ -~]")
end

-- A refusal of Envoy's, with the id of the request for details where the API wants that.
local function shaped(handle, text)
  local noted = handle:streamInfo():dynamicMetadata():get("reply")
  local id = noted and noted.request_id
  if not id then
    return text
  end
  return (text:gsub('"details":%b{}', function()
    -- What stands for words to be filled in is none in an id.
    return '"request_id":"' .. quoted(id):gsub("@", "\\u0040") .. '"'
  end, 1))
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
  if message == "@socket" then
    return "path", "is for WebSockets: send Upgrade: websocket"
  end
  if message == "" then
    return "request", "has a path or headers that this gateway does not take"
  end
  if message == "Bad Request" then
    return "request", "is not valid HTTP, or a header's name has an underscore"
  end
  if message:find("Root element must be a message", 1, true) then
    return "body", "must be a JSON object"
  end
  return "body", "is not valid JSON: " .. message:match("^[^\n]*")
end

-- The transcoder leaves alone what says that it is gRPC already, which does not go through these ports.
function envoy_on_request(handle)
  local headers = handle:headers()
  if handle:metadata():get("errors") == "request_id" then
    local id = headers:get("x-request-id")
    if not usable(id) then
      id = string.format("%s-%08x", handle:timestampString(EnvoyTimestampResolution.MICROSECOND), math.random(0, 0x7fffffff))
      headers:replace("x-request-id", id)
    end
    handle:streamInfo():dynamicMetadata():set("reply", "request_id", id)
  end
  local content_type = headers:get("content-type")
  if content_type and content_type:lower():match("^%s*application/grpc") then
    handle:streamInfo():dynamicMetadata():set("reply", "refused", true)
    handle:respond({[":status"] = "415"}, "")
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local status = headers:get("x-http-status")
  local noted = handle:streamInfo():dynamicMetadata():get("reply")
  if not status and noted and noted.refused then
    -- To such a request Envoy answers in gRPC also where it refuses it.
    headers:replace(":status", "415")
    headers:replace("content-type", "application/json")
    headers:remove("grpc-status")
    headers:remove("grpc-message")
    handle:body(true):setBytes(shaped(handle, NO_GRPC))
    return
  end
  if status then
    headers:replace(":status", status)
    headers:remove("x-http-status")
  end
  headers:remove("grpc-status")
  headers:remove("grpc-message")
  local body = headers:get("x-error-body")
  if body then
    headers:remove("x-error-body")
    headers:replace("content-type", "application/json")
    handle:body(true):setBytes(decoded(body))
  elseif headers:get(":status") == "400" then
    local buffer = handle:body(true)
    local template, said = buffer:getBytes(0, buffer:length()):match("^(.-)\n(.*)$")
    if template then
      if said:find("Expected an array instead of an object", 1, true) then
        -- Only a method whose caller goes on sending wants an array. Those are for sockets.
        handle:headers():replace(":status", "426")
        template = template:gsub("INVALID_REQUEST", "UPGRADE_REQUIRED")
        said = "@socket"
      end
      local words = {}
      words["@field"], words["@issue"] = explained(said)
      buffer:setBytes((shaped(handle, template):gsub("@%l+", function(word) return quoted(words[word]) end)))
    end
  elseif not status and noted and tonumber(headers:get(":status")) > 400 then
    local buffer = handle:body(true)
    buffer:setBytes(shaped(handle, buffer:getBytes(0, buffer:length())))
  end
end
