//! JSON and its kin, and what programming languages print and write.

use super::people::{COLUMNS, Person};
use super::{ALL, Shape, each, shape};

/// `key … value` pairs of one person, joined.
fn pairs(person: &Person, write: impl Fn(&str, &str) -> String, between: &str) -> String {
    person.filled().iter().map(|(name, value)| write(name, value)).collect::<Vec<_>>().join(between)
}

fn object(person: &Person) -> String {
    format!("{{{}}}", pairs(person, |name, value| format!("\"{name}\": \"{value}\""), ", "))
}

fn joined(people: &[Person], write: impl Fn(&Person) -> String, between: &str) -> String {
    people.iter().map(write).collect::<Vec<_>>().join(between)
}

fn numbered(people: &[Person], write: impl Fn(usize, &Person) -> String) -> String {
    people.iter().enumerate().map(|(i, person)| write(i, person)).collect()
}

/// A document of BSON: strings under their names.
fn bson(person: &Person) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend_from_slice(b"\x07_id\0\x65\x10\x20\x30\x40\x50\x60\x70\x80\x90\xa0\xb0");
    for (name, value) in person.filled() {
        body.push(2);
        body.extend_from_slice(name.as_bytes());
        body.push(0);
        body.extend_from_slice(&(value.len() as u32 + 1).to_le_bytes());
        body.extend_from_slice(value.as_bytes());
        body.push(0);
    }
    body.push(0);
    let mut document = (body.len() as u32 + 4).to_le_bytes().to_vec();
    document.extend_from_slice(&body);
    document
}

/// PHP's own serialisation.
fn serialized(people: &[Person]) -> String {
    let string = |value: &str| format!("s:{}:\"{value}\";", value.len());
    let record = |(i, p): (usize, &Person)| {
        let members: String = p.fields().map(|(name, value)| string(name) + &string(value)).concat();
        format!("i:{i};a:8:{{{members}}}")
    };
    format!("a:{}:{{{}}}", people.len(), people.iter().enumerate().map(record).collect::<String>())
}

pub const SHAPES: &[Shape] = &[
    shape!(json_with_late_columns, ALL, |people| {
        let record = |(i, p): (usize, &Person)| {
            let more = if i % 9 == 8 { format!(", \"x{i}\": {i}") } else { String::new() };
            format!("{{{}{more}}}", pairs(p, |n, v| format!("\"{n}\": \"{v}\""), ", "))
        };
        format!("[{}]", people.iter().enumerate().map(record).collect::<Vec<_>>().join(",\n"))
    }),
    shape!(json_one_after_another, ALL, |people| joined(people, object, "")),
    shape!(json_nested, ALL, |people| {
        let record = |p: &Person| {
            format!(
                "{{\"identity\": {{\"names\": {{\"last\": \"{}\", \"given\": [\"{}\"]}}, \"born\": \"{}\"}}, \"contacts\": \
                 [{{\"type\": \"mail\", \"value\": \"{}\"}}, {{\"type\": \"tel\", \"value\": \"{}\"}}], \"home\": {{\"city\": \"{}\", \"zip\": \"{}\"}}}}",
                p.last, p.first, p.birth, p.mail, p.phone, p.city, p.postcode
            )
        };
        format!("{{\"page\": 1, \"data\": {{\"items\": [{}]}}}}", joined(people, record, ", "))
    }),
    shape!(json_of_columns, ALL, |people| {
        let column = |i: usize| {
            let cells: Vec<String> = people.iter().map(|p| format!("\"{}\"", p.values()[i])).collect();
            format!("\"{}\": [{}]", COLUMNS[i], cells.join(", "))
        };
        format!("{{{}}}", (0..8).map(column).collect::<Vec<_>>().join(", "))
    }),
    shape!(json_columns_and_data, ALL, |people| {
        let row = |p: &Person| format!("[{}]", p.values().map(|v| format!("\"{v}\"")).join(", "));
        format!("{{\"columns\": [\"{}\"], \"data\": [{}]}}", COLUMNS.join("\", \""), joined(people, row, ", "))
    }),
    shape!(json_indexed_columns, ALL, |people| {
        let column = |i: usize| {
            let cells: Vec<String> =
                people.iter().enumerate().map(|(n, p)| format!("\"{n}\": \"{}\"", p.values()[i])).collect();
            format!("\"{}\": {{{}}}", COLUMNS[i], cells.join(", "))
        };
        format!("{{{}}}", (0..8).map(column).collect::<Vec<_>>().join(", "))
    }),
    shape!(json_in_json, ALL, |people| {
        each(people, |p| format!("{{\"topic\": \"users\", \"payload\": \"{}\"}}\n", object(p).replace('"', "\\\"")))
    }),
    shape!(json_lines_behind_a_time, ALL, |people| each(people, |p| format!(
        "2026-08-01 12:00:00,123 DEBUG {}\n",
        object(p)
    ))),
    shape!(json_in_a_call, ALL, |people| format!("callback([{}]);\n", joined(people, object, ","))),
    shape!(graphql, ALL, |people| {
        let edge = |p: &Person| format!("{{\"node\": {}, \"cursor\": \"YQ==\"}}", object(p));
        format!("{{\"data\": {{\"users\": {{\"edges\": [{}]}}}}}}", joined(people, edge, ","))
    }),
    shape!(elastic_bulk, ALL, |people| numbered(people, |i, p| {
        format!("{{\"index\": {{\"_index\": \"users\", \"_id\": \"{i}\"}}}}\n{}\n", object(p))
    })),
    shape!(elastic_hits, ALL, |people| {
        let hit = |p: &Person| format!("{{\"_index\": \"users\", \"_score\": 1.0, \"_source\": {}}}", object(p));
        format!("{{\"took\": 3, \"hits\": {{\"total\": {{\"value\": 40}}, \"hits\": [{}]}}}}", joined(people, hit, ","))
    }),
    shape!(mongo_extended, ALL, |people| each(people, |p| {
        format!(
            "{{\"_id\": {{\"$oid\": \"6510203040506070\"}}, \"nom\": \"{}\", \"prenom\": \"{}\", \"mail\": \"{}\", \"tel\": \"{}\", \
             \"naissance\": {{\"$date\": \"{}T00:00:00Z\"}}, \"n\": {{\"$numberLong\": \"7\"}}, \"adr\": {{\"ville\": \"{}\", \"cp\": \"{}\"}}}}\n",
            p.last, p.first, p.mail, p.phone, p.birth, p.city, p.postcode
        )
    })),
    shape!(mongo_shell, ALL, |people| each(people, |p| {
        format!(
            "{{ _id: ObjectId('651020304050607080901020'),\n{} }}\n",
            pairs(p, |n, v| format!("  {n}: '{v}'"), ",\n")
        )
    })),
    Shape { name: "mongo_bson", fields: ALL, write: |people| people.iter().flat_map(bson).collect() },
    shape!(json5, ALL, |people| {
        let record = |p: &Person| format!("  // next\n  {{{}}},\n", pairs(p, |n, v| format!("{n}: '{v}'"), ", "));
        format!("/* export */ [\n{}]\n", each(people, record))
    }),
    shape!(javascript, ALL, |people| {
        let record = |p: &Person| format!("  {{ {} }},\n", pairs(p, |n, v| format!("{n}: `{v}`"), ", "));
        format!("export const users: User[] = [\n{}] as const;\n", each(people, record))
    }),
    shape!(javascript_push, ALL, |people| {
        each(people, |p| format!("users.push({{{}}});\n", pairs(p, |n, v| format!("{n}:\"{v}\""), ",")))
    }),
    shape!(php_var_dump, ALL, |people| {
        let record = |i: usize, p: &Person| {
            let member = |n: &str, v: &str| format!("    [\"{n}\"]=>\n    string({}) \"{v}\"\n", v.len());
            format!("  [{i}]=>\n  array(8) {{\n{}  }}\n", pairs(p, member, ""))
        };
        format!("array(40) {{\n{}}}\n", numbered(people, record))
    }),
    shape!(php_print_r, ALL, |people| {
        let record = |i: usize, p: &Person| {
            let members = pairs(p, |n, v| format!("            [{n}] => {v}\n"), "");
            format!("    [{i}] => stdClass Object\n        (\n{members}        )\n\n")
        };
        format!("Array\n(\n{})\n", numbered(people, record))
    }),
    shape!(php_var_export, ALL, |people| {
        let record = |i: usize, p: &Person| {
            format!("  {i} => \n  array (\n{}  ),\n", pairs(p, |n, v| format!("    '{n}' => '{v}',\n"), ""))
        };
        format!("<?php return array (\n{});\n", numbered(people, record))
    }),
    shape!(php_serialize, ALL, serialized),
    shape!(python_repr, ALL, |people| {
        format!("[{}]\n", joined(people, |p| format!("{{{}}}", pairs(p, |n, v| format!("'{n}': '{v}'"), ", ")), ", "))
    }),
    shape!(python_namedtuples, ALL, |people| {
        format!("[{}]\n", joined(people, |p| format!("User({})", pairs(p, |n, v| format!("{n}='{v}'"), ", ")), ", "))
    }),
    shape!(python_pprint_tuples, ALL, |people| {
        format!("[{}]\n", joined(people, |p| format!("({})", p.values().map(|v| format!("'{v}'")).join(", ")), ",\n "))
    }),
    shape!(ruby_inspect, ALL, |people| {
        format!("[{}]\n", joined(people, |p| format!("{{{}}}", pairs(p, |n, v| format!(":{n}=>\"{v}\""), ", ")), ", "))
    }),
    shape!(ruby_objects, ALL, |people| {
        each(people, |p| format!("#<User id: 7, {}>\n", pairs(p, |n, v| format!("{n}: \"{v}\""), ", ")))
    }),
    shape!(perl_dumper, ALL, |people| {
        let record = |p: &Person| format!("  {{\n{}  }},\n", pairs(p, |n, v| format!("    '{n}' => '{v}',\n"), ""));
        format!("$VAR1 = [\n{}];\n", each(people, record))
    }),
    shape!(lua_table, ALL, |people| {
        let record = |p: &Person| format!("  {{ {} }},\n", pairs(p, |n, v| format!("{n} = \"{v}\""), ", "));
        format!("users = {{\n{}}}\n", each(people, record))
    }),
    shape!(elixir_maps, ALL, |people| {
        format!("[{}]\n", joined(people, |p| format!("%{{{}}}", pairs(p, |n, v| format!("{n}: \"{v}\""), ", ")), ",\n"))
    }),
    shape!(java_to_string, ALL, |people| {
        each(people, |p| format!("User{{id=7, {}}}\n", pairs(p, |n, v| format!("{n}='{v}'"), ", ")))
    }),
    shape!(kotlin_to_string, ALL, |people| each(people, |p| format!(
        "User(id=7, {})\n",
        pairs(p, |n, v| format!("{n}={v}"), ", ")
    ))),
    shape!(java_list_of_maps, ALL, |people| {
        format!("[{}]\n", joined(people, |p| format!("{{{}}}", pairs(p, |n, v| format!("{n}={v}"), ", ")), ", "))
    }),
    shape!(csharp_initialisers, ALL, |people| {
        each(people, |p| format!("new User {{ {} }},\n", pairs(p, |n, v| format!("{n} = \"{v}\""), ", ")))
    }),
    shape!(go_structs, ALL, |people| {
        each(people, |p| format!("\tUser{{{}}},\n", pairs(p, |n, v| format!("{n}: \"{v}\""), ", ")))
    }),
    shape!(protobuf_text, ALL, |people| {
        each(people, |p| format!("users {{\n{}}}\n", pairs(p, |n, v| format!("  {n}: \"{v}\"\n"), "")))
    }),
    shape!(s_expressions, ALL, |people| {
        each(people, |p| format!("(user {})\n", pairs(p, |n, v| format!("({n} \"{v}\")"), " ")))
    }),
    shape!(yaml_list, ALL, |people| {
        let record = |p: &Person| format!("- {}\n", pairs(p, |n, v| format!("{n}: {v}"), "\n  "));
        format!("---\nusers:\n{}", each(people, record))
    }),
    shape!(yaml_map, ALL, |people| numbered(people, |i, p| {
        format!("user_{i}:\n{}", pairs(p, |n, v| format!("  {n}: \"{v}\"\n"), ""))
    })),
    shape!(yaml_nested, ALL, |people| each(people, |p| {
        format!(
            "- identity:\n    nom: {}\n    prenom: {}\n    naissance: '{}'\n  contact:\n    mails:\n      - {}\n    tels:\n      - \"{}\"\n  \
             adresse: {{ville: {}, cp: \"{}\"}}\n",
            p.last, p.first, p.birth, p.mail, p.phone, p.city, p.postcode
        )
    })),
    shape!(toml, ALL, |people| each(people, |p| {
        format!("[[users]]\n{}\n", pairs(p, |n, v| format!("{n} = \"{v}\"\n"), ""))
    })),
    shape!(ini, ALL, |people| numbered(people, |i, p| {
        format!("[user{i}]\n{}\n", pairs(p, |n, v| format!("{n}={v}\n"), ""))
    })),
    shape!(redis_hashes, ALL, |people| numbered(people, |i, p| {
        format!("HSET user:{i} {}\n", pairs(p, |n, v| format!("{n} \"{v}\""), " "))
    })),
];
