-- Tells the server which fields a JSON body has: the transcoder drops those that it does not know, without a word.
-- This filter stands before the transcoder, so it sees the request as it came. It looks at bodies of a usual size and at
-- their first members; what it does not tell of is dropped as ever. A byte order mark before one it takes away.

local LONGEST, STEPS, NAMES = 65536, 300, 50
-- Some editors begin a file with it.
local MARK = "\239\187\191"
local BODIES = {POST = true, PUT = true, PATCH = true, DELETE = true}

-- Where the string that begins at a position ends.
local function string_end(text, position)
  while true do
    position = text:find('["\\]', position + 1)
    if not position or text:byte(position) == 34 then
      return position
    end
    position = position + 1
  end
end

-- The names of an object's first members, as a header may hold them; nothing where it is no object.
local function members(text)
  local position, depth, names = text:find("^%s*{"), 0, {}
  for _ = 1, STEPS do
    position = position and text:find('["{}%[%]]', position)
    if not position or #names >= NAMES then
      break
    end
    local byte = text:byte(position)
    if byte == 34 then
      local last = string_end(text, position)
      if depth == 1 and last and text:find("^%s*:", last + 1) then
        local name = text:sub(position + 1, last - 1)
        table.insert(names, (name:gsub("[^%w_%-]", function(c) return string.format("%%%02X", c:byte()) end)))
      end
      position = last
    elseif byte == 123 or byte == 91 then
      depth = depth + 1
    else
      depth = depth - 1
      if depth == 0 then
        break
      end
    end
    position = position and position + 1
  end
  return table.concat(names, ",")
end

function envoy_on_request(handle)
  local headers = handle:headers()
  headers:remove("x-body-fields")
  local length = tonumber(headers:get("content-length") or LONGEST)
  if not BODIES[headers:get(":method")] or not length or length == 0 or length > LONGEST then
    return
  end
  local body = handle:body()
  if body and body:length() <= LONGEST then
    local text = body:getBytes(0, body:length())
    if text:sub(1, 3) == MARK then
      text = text:sub(4)
      handle:headers():replace("content-length", tostring(body:setBytes(text)))
    end
    local names = members(text)
    if #names > 0 and #names <= 4096 then
      -- What was taken before a wait is no longer good after it.
      handle:headers():replace("x-body-fields", names)
    end
  end
end
