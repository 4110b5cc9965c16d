//! One definition for enums whose values are words of the command line and of the formats.

/// Defines an enum with a lower-case name for each value, `Display`, `FromStr`, serde as that name, and
/// `ALL` and `name` for listings.
#[macro_export]
macro_rules! named_enum {
    ($(#[$meta:meta])* $kind:ident, $what:literal { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $kind { $($(#[$doc])* $variant,)+ }

        impl $kind {
            /// Every value, in the order of the definition.
            pub const ALL: &'static [$kind] = &[$($kind::$variant,)+];

            /// The name on the command line and in the formats.
            pub fn name(self) -> &'static str {
                match self { $($kind::$variant => $name,)+ }
            }
        }

        impl std::fmt::Display for $kind {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.pad(self.name())
            }
        }

        impl std::str::FromStr for $kind {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($name => Ok($kind::$variant),)+
                    _ => Err(format!(concat!("`{}` is not a ", $what, ": use {}"), text, [$($name,)+].join(", "))),
                }
            }
        }

        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $kind {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
