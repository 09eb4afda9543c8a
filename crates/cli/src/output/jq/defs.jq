# Words of jq 1.6 that jaq has not, or has with another meaning.

def env: $ENV;
def inputs: empty;
def input: error("No more inputs");
def input_filename: null;
# What a program gets is one line of JSON.
def input_line_number: 1;
def values: select(. != null);
def error($message): $message | error;

# Paths
def setpath($path; $value):
  if $path | length == 0 then $value else $path[0] as $key | .[$key] |= setpath($path[1:]; $value) end;
def del(paths): delpaths([path(paths)]);
def leaf_paths: paths(scalars);

# Text
def tonumber:
  if type == "number" then .
  elif type == "string" then [fromjson] | if length == 1 and (.[0] | type == "number") then .[0] else error("this is no number") end
  else error("\(type) (\(tojson)) cannot be parsed as a number") end;
def todate: if type == "number" then floor else . end | todateiso8601;
def join($separator):
  def part: if . == null then "" elif type == "boolean" or type == "number" then tojson else . end;
  reduce .[] as $one (null; (if . == null then "" else . + $separator end) + ($one | part)) // "";
def ltrimstr($left): if type == "string" and ($left | type) == "string" and startswith($left) then .[($left | length):] else . end;
def rtrimstr($right): if type == "string" and ($right | type) == "string" and ($right | length) > 0 and endswith($right) then .[:length - ($right | length)] else . end;
def replaced($old; $new): split($old) | join($new);

# Formats
def row_of(cell; $format):
  if type != "array" then error("\(type) (\(tojson)) cannot be \($format)-formatted, only an array can be") else . end
  | map(if . == null then "" elif type == "boolean" or type == "number" then tojson elif type == "string" then cell
        else error("\(type) (\(tojson)) is not valid in a csv row") end);
def @csv: row_of("\"" + replaced("\""; "\"\"") + "\""; "csv") | join(",");
def @tsv: row_of(replaced("\\"; "\\\\") | replaced("\t"; "\\t") | replaced("\n"; "\\n") | replaced("\r"; "\\r"); "tsv") | join("\t");
def @base32: tostring | encode_base32;

# Sets and indexes
def IN(source): any(source == .; .);
def IN(source; set): any(source == set; .);
def INDEX(stream; key): reduce stream as $row ({}; .[$row | key | tostring] |= $row);
def INDEX(key): INDEX(.[]; key);

# Streams
def tostream: path(def all: (.[]? | all), .; all) as $path | getpath($path)
  | reduce path(.[]?) as $inner ([$path, .]; [$path + $inner]);
def fromstream(events): {x: null, e: false} as $start
  | foreach events as $event ($start;
      if .e then $start else . end
      | if $event | length == 2
        then setpath(["e"]; $event[0] | length == 0) | setpath(["x"] + $event[0]; $event[1])
        else setpath(["e"]; $event[0] | length == 1) end;
      if .e then .x else empty end);
def truncate_stream(events): . as $depth
  | null | events | . as $event | if ($event[0] | length) > $depth then setpath([0]; $event[0][$depth:]) else empty end;
def from_entries: reduce .[] as $one ({};
  ($one | .key // .k // .name // .Name // .K // .Key) as $key
  | if $key == null then error("Cannot use null (null) as object key") else . end
  | .[$key | if type == "string" then . else tojson end] = ($one | if has("value") then .value elif has("v") then .v else .Value end));
def with_entries(f): to_entries | map(f) | from_entries;
