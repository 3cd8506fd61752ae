# Written by mailstack. With allow_user_rules, SpamAssassin sorts and compiles all of its rules anew
# whenever it has read a user's preferences, even if these hold nothing but a comment. That comes to
# what the tables hold already, except for rules the user has defined; so only those are shown to it.
# Source: Mail::SpamAssassin::Conf::Parser 4.0.1, finish_parsing, which calls both hooks.

package Mail::SpamAssassin::Plugin::UserRules;

use strict;
use warnings;

use Mail::SpamAssassin::Plugin;
our @ISA = ('Mail::SpamAssassin::Plugin');

# What finish_parsing goes through, rule by rule.
my @TABLES = ('tests', 'priority');

sub new {
    my ($class, $main) = @_;
    return bless $class->SUPER::new($main), $class;
}

sub user_conf_parsing_start {
    my ($self, $params) = @_;
    my $conf = $params->{conf};
    return unless $conf->{allow_user_rules};
    my @defined = keys %{ $conf->{user_defined_rules} };
    foreach my $table (@TABLES) {
        my $whole = $self->{whole}{$table} = $conf->{$table};
        $conf->{$table} = { map { $_ => $whole->{$_} } @defined };
    }
    return;
}

sub user_conf_parsing_end {
    my ($self, $params) = @_;
    my $whole = delete $self->{whole} || {};
    $params->{conf}{$_} = $whole->{$_} foreach keys %$whole;
    return;
}

1;
