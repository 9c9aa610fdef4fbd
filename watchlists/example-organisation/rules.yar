// Rules about documents as a whole: what a word or a pattern cannot say.

private rule names_our_network
{
    strings:
        $host = "corp.example" nocase fullword
    condition:
        $host
}

rule vpn_profile_with_secret
{
    meta:
        description = "A client profile of our VPN together with a private key"
    strings:
        $remote = /remote\s+vpn[a-z0-9.-]{0,40}\s+[0-9]{2,5}/ nocase
        $key = "PRIVATE KEY-----"
    condition:
        names_our_network and all of them
}

rule list_of_our_addresses
{
    meta:
        description = "More than twenty addresses of ours in one document"
    strings:
        $address = "@corp.example" nocase
    condition:
        #address > 20
}
