// Keys for tests, made for them. The Ed25519 pair is RFC 8463 appendix A.2's.
#pragma once

#include <string_view>

namespace postern::crypto::testing {

inline constexpr std::string_view kEd25519Private = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
inline constexpr std::string_view kEd25519Public = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

inline constexpr std::string_view kRsaPrivate =  // 1024 bits
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICXQIBAAKBgQCtrJNVxRDNArYHX7WLk8FGMIgWc5nGwJceEBaemuVUb+NoG/0Z\n"
    "dXF02oSsEuWdTNYBC23KU/UDlN1UtLp2KFWp6b1BJXX/4b91HdYxpXr/CS4q5xwk\n"
    "bsy19UGHEtswGZnUQP1XDJ+wV4owLdk0sAXd4NfvKDFxBRC6Zfp9u23TcwIDAQAB\n"
    "AoGAZXS0WV2W8/yKdAJQXuqA9MzzIxKDGd12KkTBwgPAxrPaR/5Zu96k2duxt4gO\n"
    "hPbW6aNQjuq+7kmvhoVRjCcB6xtTATjZFvPytDgZwhRJwg/yUfYf1VYpZSLQBI+7\n"
    "qr6rBrZIwWMLwMbCZBC0309ZbehsPPO/prH3R3/9PyWb0vECQQDWELHWXznj00F3\n"
    "knaChrIV3/qmUA4MHII8iwULf4WBoqh4v9+zLVOB3hh3FRz090cOEOEyN5X3+yBL\n"
    "vvJMdDR5AkEAz7JHqzB6dyeZOLyZM4ZnB83kPF87UO4jjT3go/IMAMtYChFE9ba6\n"
    "gwRU1hmphOc5Do48NnjHjHB1JmdxH1EUSwJAOCvHTpZMTYEIw8SV/mgz4NOWJQAK\n"
    "v5jXf+WG3F6I/Nxe0tiebZjuOby6tLzAjXM5nPJG9XNqkdi+v8GKOQ+hGQJBAMC5\n"
    "sNFEWc9pej9wmkR6ie5u+kOfJr5xS6ILcgEPYF34Uoh8/911otpiUYqeI3REzugX\n"
    "yf3N03UZAUwSnqCtrsMCQQDGZwNe374bUSvHZOy6sp7Wnx9bcoEa4Yema9c6sI/n\n"
    "w+PGfkG/byJ0GhZot0T/JNzP9xH0Mn7isvedWzIy2R9W\n"
    "-----END RSA PRIVATE KEY-----\n";
inline constexpr std::string_view kRsaPublic =
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCtrJNVxRDNArYHX7WLk8FGMIgWc5nGwJceEBaemuVUb+NoG/0ZdXF02oSsEuWdTNYBC23KU/"
    "UDlN1UtLp2KFWp6b1BJXX/4b91HdYxpXr/CS4q5xwkbsy19UGHEtswGZnUQP1XDJ+wV4owLdk0sAXd4NfvKDFxBRC6Zfp9u23TcwIDAQAB";
// The same key, as an RSAPublicKey.
inline constexpr std::string_view kRsaPublicBare =
    "MIGJAoGBAK2sk1XFEM0CtgdftYuTwUYwiBZzmcbAlx4QFp6a5VRv42gb/Rl1cXTahKwS5Z1M1gELbcpT9QOU3VS0unYoVanpvUEldf/hv3Ud1j"
    "Glev8JLirnHCRuzLX1QYcS2zAZmdRA/VcMn7BXijAt2TSwBd3g1+8oMXEFELpl+n27bdNzAgMBAAE=";

inline constexpr std::string_view kRsa2048Private =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIIEogIBAAKCAQEAva35gfI/kipZvFpEYrmFPr6gs38c702EtdWU/apXJxjozmUI\n"
    "mF6kD0mgj7HnqUNsfz7yKHdLL71dQO6q8QHxvkRsHErWG7Af7widorLrFvUDQCv/\n"
    "3oxMKjtztYG/NraQYQ8U1R1N6bVhWpm6RSnIA8+C02DwqLId58FeU5po7CtA2opJ\n"
    "n+yDZny3+qUayifRepQ6ALRrym3TyDUDoncz1gWP6Ykn+4qa1X4usC+Xm7EP8AIA\n"
    "25X9aEolN/+NFlOd+cXGLEwweZ3H2UZcvcRnBwhX+uFMIeEATP4wo5i2kRqr9p5b\n"
    "m5P+1MC1HgAHAno6CV89OCSSXNClLAEh3iXZJQIDAQABAoIBAA88uJHDH27jJA5I\n"
    "xLxBjFNRW6DPvJ1PVt0x6SQaLkzKaCPxuH0KV+zlIewpLc5Kckl5NFl31nxhST/R\n"
    "bGir7/re4uhq7UQ6znXp9UUqpk6pJA0K+8+plDzC8Iqg1PbU4khJvodYMU1tmq0n\n"
    "3ZoiFG/p7ZKEHmZkLe7TeSZc0xeVm9m1YAVy4B+juwGEQB0FGiAmYS1rxRl9ikD1\n"
    "9Jm481lxlbqX4Or9yeHwKF9fVP1LabOe6bwfrJgEgVuvg58VrLkECf++sJR2vmQi\n"
    "0q3mB5s4/UayIKWkyUQTDzPQB2jAF+YdkTt4t2eaLJDwmexiVlQgo5U4XmwyQy6D\n"
    "N49BhwECgYEA36nqWzI4OoH2LDwJdAJq8CpozBNfazWQE+eeJnJhV0AtTO9rUHpu\n"
    "4mQ5oy+2GMeexbHaQpJh2w7owKa9VU0R8KQ2TZyR1eNGpWbntRIfjen5MBDtmeWq\n"
    "9QHhThxN1jqn0jLnszYvpiScTOJHLpTMzuImckIFzPyQKli1oILXC6ECgYEA2RpD\n"
    "EZf/aqWDZwUWTe1hT2gRsLdw0s/NZCTqOvypLc3ZVtcXrIJOSBCQlLsyYvOPwvrL\n"
    "Ypd0nB+wXAhJBt8j3MrG645uH/P2U75DvcbGdOIH1nbd6UqAl55o37sJG10/gJtI\n"
    "Vzy+OsijR9ObAwqxyuyIIdjI6iy1FTlbnPxWPwUCgYBUSDs/0lTN91tEn/sP9DlH\n"
    "9zM2c7ZpN+3rEkTOSBvWPSDU9QODeB+AwDPYAoqkG9UAulx86ZxmZ9/dePevxTMV\n"
    "c0vjQzTRXKuqeHSoDwRE/f4g1sAyVhFt8h9sx82tBL1owDX/mlOqT/F2J26bZwcm\n"
    "jqHePHLjI+lPi84lhihzAQKBgDmgkvT0l8PDM2IBI66DuDTPtwJlbvlGV4qhkdse\n"
    "ffm+jlZSueH8pLLUUsxn9DP32s0yrRH6ieV3M+T5/gho6qgM20hjgi/RHi2Ub37M\n"
    "aJlV9iajXrwyHngggE4C46Pz2ItWrJkbcpM/9rd2H8tq506qAmiZlpsySs7bbsn4\n"
    "4RvRAoGAPkRuwiyASRnTISvc3+7FaNPZbIgYP/wg6MNC1JFjlnm90EIhaIxHj/sV\n"
    "q9KylCSPftB0EzUNqSFJoM0LxMNuY2svd0JibsZsOdqKczan+JS3XbXNGFmecEct\n"
    "4s7T08m58qgIje/4YrUrpDl7uPWcV+33Qd9ehXaWZEZtuYOR6g4=\n"
    "-----END RSA PRIVATE KEY-----\n";

inline constexpr std::string_view kShortPrivate =  // RSA, 512 bits
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIIBOgIBAAJBAPkoV2wutJcy3hVKn13zW77eoMUwVlnmNcFkOkly72nEA/32pRx8\n"
    "P7Hy1E8a8dgMIxqDM4gI+3mfNQ48JTyTLAsCAwEAAQJBAME4z9NNxS8ce633WO/7\n"
    "MkMrU3KYsd618SoxGCKtx400tkrTNcxTUKR7AviWb8PkDaKkSqw0lxVneO8vUDps\n"
    "CMECIQD9dhQ4IW53C0pBEvHuVuXhXQKHrG+Bh5wxwwYwjuGOtQIhAPunOiWUIegf\n"
    "hyHdS+h+l3C7W3OP2M4SvUTcrYRIz8e/AiAOEd3xd7mgFhpbHmgbqOs95WHcki/m\n"
    "ata61G6lh2jx+QIgdoJ/KJlFCnpmefUsPTX4fXdODvLsB8fdaCOAd26OoyMCICr9\n"
    "m07RT53DyX4sEOFC1Kv11T1HqZg8+5gXob4+iQvl\n"
    "-----END RSA PRIVATE KEY-----\n";
inline constexpr std::string_view kShortPublic =
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAPkoV2wutJcy3hVKn13zW77eoMUwVlnmNcFkOkly72nEA/32pRx8P7Hy1E8a8dgMIxqDM4gI+3mfNQ"
    "48JTyTLAsCAwEAAQ==";

inline constexpr std::string_view kEllipticPublic =  // P-256, which DKIM does not know
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENlpWmeWkvImnukkMaRcwFMfOks6bjqGPc58fTCuM3CBlHMMGT3mPPSWrLKrier2u0c1mGQrz+1"
    "+jpJKvOtvyYg==";
inline constexpr std::string_view kEllipticPrivate =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgP5Zu1wveneF5ZdiM\n"
    "8gI5KyCzAMkBWTZlCRFYOium4cuhRANCAAQ2WlaZ5aS8iae6SQxpFzAUx86SzpuO\n"
    "oY9znx9MK4zcIGUcwwZPeY89JassquJ6va7RzWYZCvP7X6Okkq862/Ji\n"
    "-----END PRIVATE KEY-----\n";

inline constexpr std::string_view kEncryptedPrivate =  // RSA, behind a passphrase
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIIC3TBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQIRMSnr1o8wBICAggA\n"
    "MAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAECBBB0NY0de6RR3nESCUP3oXe0BIIC\n"
    "gIX4C3ae5Tv657K43gw22mbH6H/x+IyNkJCMgWb/rdY5SagBOxaN6Q8yIsQpIjVL\n"
    "TeTjM2pj95EY8AHHLmlmos7P+RdZkwIWggKjwVOpIZYosFz5o84tEP/OrrV7OU1h\n"
    "sNgBhfIzF0reo4ggkQnkNlZ82oRW5ylM8w5jNZm9WE24tsiaszgfUc9KYrQXGhl0\n"
    "EObl3AUlIljqwQdnkoyYW+DBbXSkWTd7+51xqoNC8NP160e9+rJewjl9KQqwqYNE\n"
    "HGO34h5lsAwU4SBjp6LfuXnKt6ngpgJSW0k1H0apgeITK4w5JIGTiFBNe5I9Rn6j\n"
    "wYM/FsT31hqiKv+6bz5+DK3Qf/J130Jb3nw9O6Jl+ZFVdJidamefRiFgEgtdNHBr\n"
    "hvjjCiIwWap46rSBa9m33JcwOajKfSN5lMuDAsTORKHkFcZXD8e5UGAiwcdoGaug\n"
    "jCW5qEbfOJESDOYgjfqgVkKdBL4lLPQiI3/S9eZZDKtVvAVE9Shx0DKq7IcMOnET\n"
    "V6ie8d/UN+RdwvJXIreah3MW73SgC3dotpIaldhRLyi+xHu9jYedrPqT5SoKVsfP\n"
    "SHHO2JjNd2OK0bdGVZO+Y4qXyGXfhQ0kT/P3d3XafeOnZ2DLl9lUSRUeJYTQObo4\n"
    "NRl0qWjogRWO3u1ydxnd15TA2AAYaqeae4IrJYLZyD5SVMuFS7ML1BZ5ixRfSOF/\n"
    "wkWKqcW3Esi+f7aREjnjh7MeLYkDXObJQb5i/jSgC9C7fSlywpmjJYP/+iwAq7JD\n"
    "Ao5efs/3iFoyKxgHSxIt71uZwhqD81zundSH73662pdKJJ976H57XofqmnfDMsP9\n"
    "0vWq2uWU0R0dobiwbQmLiXA=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

}  // namespace postern::crypto::testing
