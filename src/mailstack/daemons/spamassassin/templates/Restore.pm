# Written by mailstack. After each connection spamd copies its whole configuration back, because a
# user's preferences may have been read into it. Each child pays for that with some 17 MiB that it
# shared with its parent before, the first time by a mere PING. So it is copied back only where
# preferences or a message have been read since.
# Source: spamd 4.0.1, where copy_config is called; Mail::SpamAssassin(3), copy_config.

package Mail::SpamAssassin::Plugin::Restore;

use strict;
use warnings;

use Mail::SpamAssassin;
use Mail::SpamAssassin::Plugin;
our @ISA = ('Mail::SpamAssassin::Plugin');

my $used = 0;

sub before {
    my ($name, $step) = @_;
    no strict 'refs';
    no warnings 'redefine';
    my $whole = \&{"Mail::SpamAssassin::$name"};
    *{"Mail::SpamAssassin::$name"} = sub { return 1 unless &$step; goto &$whole; };
    return;
}

before($_, sub { $used = 1 }) foreach 'read_scoreonly_config', 'parse';
before('copy_config', sub {
    my ($self, $backup) = @_;
    my $needed = $used || !defined $backup;    # without one, it is being made
    $used = 0;
    return $needed;
});

sub new {
    my ($class, $main) = @_;
    return bless $class->SUPER::new($main), $class;
}

1;
