-- Carries what the server says beside a unary answer from the gRPC trailers to the HTTP headers.
-- This filter stands behind the transcoder, so it sees the answer before it. The server could send the same as initial
-- metadata, but that is one more operation a call for it, and costs it more than this costs here.

function envoy_on_response(handle)
  local headers = handle:headers()
  -- A refusal has everything in its headers already; a stream has sent them first and must not be waited for.
  if headers:get("grpc-status") or headers:get("x-request-id") then
    return
  end
  handle:body()
  local trailers = handle:trailers()
  if trailers == nil then
    return
  end
  -- What was taken before a wait is no longer good after it.
  headers = handle:headers()
  for name, value in pairs(trailers) do
    if name:sub(1, 5) ~= "grpc-" then
      headers:add(name, value)
    end
  end
end
